// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** Local files under the scheme {@code faulty}, with one thing at a time that goes wrong. */
public final class FaultyFileSystem extends RawLocalFileSystem {
  /** The setting that names this class. */
  public static final String SETTING = "fs.faulty.impl";

  private static final AtomicReference<Fault> FAULT = new AtomicReference<>(Fault.NONE);
  private static final Set<Place> MET = ConcurrentHashMap.newKeySet();
  private static final Map<String, Integer> REQUESTS = new ConcurrentSkipListMap<>();

  /** A request of an object store is counted once, whatever local files need for it. */
  private static final ThreadLocal<Boolean> ASKING = ThreadLocal.withInitial(() -> false);

  /** Where something goes wrong. */
  public enum Place {
    NOWHERE,
    INITIALIZE,
    STATUS,
    OPEN,
    READ,
    CLOSE,
    CREATE,
    WRITE,
    CLOSE_WRITTEN,
    RENAME,
    DELETE,
    MKDIRS,
    CLOSE_SYSTEM,
    /** Reading ends in the middle. */
    TRUNCATED,
    /** Reading never ends. */
    ENDLESS
  }

  /**
   * The thing that goes wrong.
   *
   * @param thrown by the place
   */
  public record Fault(Place place, Supplier<? extends Throwable> thrown) {
    static final Fault NONE = new Fault(Place.NOWHERE, IOException::new);
  }

  /** From now on. */
  public static void set(Place place, Supplier<? extends Throwable> thrown) {
    MET.clear();
    FAULT.set(new Fault(place, thrown));
  }

  /** How often each kind of request was made since the last call. */
  public static Map<String, Integer> requests() {
    Map<String, Integer> made = new TreeMap<>();
    for (String kind : List.copyOf(REQUESTS.keySet())) {
      made.put(kind, REQUESTS.remove(kind));
    }
    return made;
  }

  private interface Request<T> {
    T run() throws IOException;
  }

  private static <T> T count(String kind, Request<T> request) throws IOException {
    if (ASKING.get()) {
      return request.run();
    }
    REQUESTS.merge(kind, 1, Integer::sum);
    ASKING.set(true);
    try {
      return request.run();
    } finally {
      ASKING.set(false);
    }
  }

  /** Nothing goes wrong any more. */
  public static void heal() {
    FAULT.set(Fault.NONE);
  }

  /** Whether the place has been come by since {@link #set}. */
  public static boolean wasMet() {
    return MET.contains(FAULT.get().place());
  }

  private static boolean isAt(Place place) {
    boolean at = FAULT.get().place() == place;
    if (at) {
      MET.add(place);
    }
    return at;
  }

  private static void pass(Place place) throws IOException {
    if (isAt(place)) {
      throw FaultyFileSystem.<IOException>unchecked(FAULT.get().thrown().get());
    }
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // whatever it is
  private static <E extends Throwable> E unchecked(Throwable e) throws E {
    throw (E) e;
  }

  @Override
  public URI getUri() {
    return URI.create("faulty:///");
  }

  @Override
  public String getScheme() {
    return "faulty";
  }

  @Override
  public void initialize(URI uri, Configuration conf) throws IOException {
    pass(Place.INITIALIZE);
    super.initialize(getUri(), conf);
  }

  @Override
  public FileStatus getFileStatus(Path path) throws IOException {
    pass(Place.STATUS);
    return count("status", () -> plain(super.getFileStatus(path)));
  }

  @Override
  public FileStatus[] listStatus(Path path) throws IOException {
    pass(Place.STATUS);
    return count(
        "list",
        () ->
            Arrays.stream(super.listStatus(path))
                .map(FaultyFileSystem::plain)
                .toArray(FileStatus[]::new));
  }

  /** Without permissions, which are asked for by a path of the scheme {@code file}. */
  private static FileStatus plain(FileStatus of) {
    return new FileStatus(
        of.getLen(),
        of.isDirectory(),
        1,
        of.getBlockSize(),
        of.getModificationTime(),
        of.getPath());
  }

  @Override
  public FSDataInputStream open(Path path, int bufferSize) throws IOException {
    pass(Place.OPEN);
    return count("open", () -> new FSDataInputStream(new Faulty(super.open(path, bufferSize))));
  }

  @Override
  public FSDataOutputStream create(
      Path path,
      FsPermission permission,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    pass(Place.CREATE);
    return count(
        "create",
        () ->
            faulty(
                super.create(
                    path, permission, overwrite, bufferSize, replication, blockSize, progress)));
  }

  @Override
  public FSDataOutputStream createNonRecursive(
      Path path,
      FsPermission permission,
      EnumSet<CreateFlag> flags,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    pass(Place.CREATE);
    return count(
        "create",
        () ->
            faulty(
                super.createNonRecursive(
                    path, permission, flags, bufferSize, replication, blockSize, progress)));
  }

  private static FSDataOutputStream faulty(FSDataOutputStream out) {
    return new FSDataOutputStream(
        new FilterOutputStream(out) {
          @Override
          public void write(byte[] bytes, int from, int length) throws IOException {
            pass(Place.WRITE);
            out.write(bytes, from, length);
          }

          @Override
          public void close() throws IOException {
            out.close();
            pass(Place.CLOSE_WRITTEN);
          }
        },
        new FileSystem.Statistics("faulty"));
  }

  @Override
  public boolean rename(Path from, Path to) throws IOException {
    pass(Place.RENAME);
    return count("rename", () -> super.rename(from, to));
  }

  @Override
  public boolean delete(Path path, boolean recursive) throws IOException {
    pass(Place.DELETE);
    return count("delete", () -> super.delete(path, recursive));
  }

  @Override
  public boolean mkdirs(Path path, FsPermission permission) throws IOException {
    pass(Place.MKDIRS);
    return count("mkdirs", () -> super.mkdirs(path, permission));
  }

  @Override
  public void close() throws IOException {
    super.close();
    pass(Place.CLOSE_SYSTEM);
  }

  private static final class Faulty extends FSInputStream {
    private final FSDataInputStream in;
    private long left = 1000;

    Faulty(FSDataInputStream in) {
      this.in = in;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      if (left <= 0) {
        pass(Place.READ);
        if (isAt(Place.TRUNCATED)) {
          return -1;
        }
      }
      int n =
          in.read(
              into, from, FAULT.get().place() == Place.NOWHERE ? length : Math.min(length, 1000));
      left -= n;
      return n < 0 && isAt(Place.ENDLESS) ? length : n;
    }

    @Override
    public void seek(long position) throws IOException {
      in.seek(position);
    }

    @Override
    public long getPos() throws IOException {
      return in.getPos();
    }

    @Override
    public boolean seekToNewSource(long position) {
      return false;
    }

    @Override
    public void close() throws IOException {
      in.close();
      pass(Place.CLOSE);
    }
  }
}
