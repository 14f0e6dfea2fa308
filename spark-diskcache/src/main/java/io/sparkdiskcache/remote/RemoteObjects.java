// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Foreign;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.MemoKey;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.function.BiConsumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.permission.FsPermission;
import org.jspecify.annotations.Nullable;

/**
 * Whole objects by their names, on a file system of our own: a shared instance may be closed by
 * anybody, and has checksums to write besides ours.
 *
 * <p>An object is written under a temporary name and renamed, so that its name never shows a part
 * of it. Where the file system cannot rename at once (object stores copy), readers find what is
 * damaged by the object's own checksum.
 */
final class RemoteObjects implements AutoCloseable {
  private static final String MEMO = "memo";

  private static final FsPermission FOLDER = new FsPermission((short) 0700);
  private static final FsPermission FILE = new FsPermission((short) 0600);

  private final Path root;
  private final String who;
  private final Configuration conf;
  private final BiConsumer<Path, IOException> failures;
  private final Set<Path> folders = ConcurrentHashMap.newKeySet();
  private @Nullable FileSystem fileSystem;
  private boolean closed;

  /**
   * @param failures told of what failed and does not matter: an object that was read and cannot be
   *     closed
   */
  RemoteObjects(String directory, Configuration conf, BiConsumer<Path, IOException> failures) {
    this.root = new Path(new Path(URI.create(directory)), RemoteNames.LAYOUT);
    this.who = "the file system of '" + root + "'";
    this.conf = conf;
    this.failures = failures;
  }

  Path entry(Key key) {
    return new Path(root, RemoteNames.entry(key));
  }

  Path set(Key setKey) {
    return new Path(root, RemoteNames.set(setKey));
  }

  Path distrusted(String function) {
    return new Path(root, "distrusted/" + function + ".txt");
  }

  Path memo(MemoKey key) {
    String name = key.toString();
    return new Path(root, MEMO + "/" + name.substring(0, 2) + "/" + name + ".memo");
  }

  /** All results of memoised functions. */
  List<Path> memos() throws IOException {
    return below(MEMO);
  }

  /** The last parts of the names of all objects below a folder. */
  List<String> names(String folder) throws IOException {
    return below(folder).stream().map(Path::getName).toList();
  }

  private List<Path> below(String folder) throws IOException {
    try {
      return call(
          fs -> {
            List<Path> names = new ArrayList<>();
            RemoteIterator<LocatedFileStatus> files = fs.listFiles(new Path(root, folder), true);
            while (files.hasNext()) {
              names.add(files.next().getPath());
            }
            return names;
          });
    } catch (FileNotFoundException e) {
      return List.of(); // nothing was ever written
    }
  }

  /** The content of an object. */
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * The content from its start, which ends in an error where it is longer than the object, or comes
   * too slowly; the caller closes it.
   *
   * @param longest an object that is longer is an error at once
   * @throws FileNotFoundException if there is no such object
   */
  InputStream open(Path name, long longest) throws IOException {
    return call(
        fs -> {
          FileStatus status = fs.getFileStatus(name);
          if (status.isDirectory() || status.getLen() < 0 || status.getLen() > longest) {
            throw new IOException("'%s' is no object of the cache: %s".formatted(name, status));
          }
          // With the status, because an object store would be asked for it again.
          FSDataInputStream data = fs.openFile(name).withFileStatus(status).build().get();
          return Foreign.stream(
              who, data, Foreign.Bounds.of(status.getLen()), e -> failures.accept(name, e));
        });
  }

  boolean exists(Path name) throws IOException {
    return call(fs -> fs.exists(name));
  }

  void delete(Path name) throws IOException {
    boolean deleted = call(fs -> fs.delete(name, false));
    if (!deleted && exists(name)) {
      throw new IOException("'" + name + "' could not be deleted");
    }
  }

  /**
   * Writes an object.
   *
   * @param replace whether one of that name gives way; otherwise it stays
   * @return false if there was one that stays
   */
  boolean write(Path name, boolean replace, Content content) throws IOException {
    if (!replace && exists(name)) {
      return false;
    }
    Path temporary = new Path(root, "tmp/" + name.getName() + "." + UUID.randomUUID());
    createFolder(parent(temporary));
    createFolder(parent(name));
    try {
      call(
          fs -> {
            try (OutputStream out =
                fs.createFile(temporary).overwrite(false).permission(FILE).build()) {
              content.writeTo(out);
            }
            return true;
          });
      if (replace) {
        delete(name);
      }
      if (call(fs -> fs.rename(temporary, name))) {
        return true;
      }
      if (exists(name)) { // another process was first
        deleteLeftover(temporary);
        return false;
      }
      throw new IOException("'" + temporary + "' could not be renamed to '" + name + "'");
    } catch (IOException e) {
      folders.clear(); // somebody may have removed them
      try {
        deleteLeftover(temporary);
      } catch (IOException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  /**
   * Writes an object under its name at once, which costs an object store less: others may see a
   * part of it, which it has to tell from the whole.
   *
   * @return true
   */
  boolean overwrite(Path name, byte[] content) throws IOException {
    createFolder(parent(name));
    boolean written = false;
    try {
      written =
          call(
              fs -> {
                try (OutputStream out =
                    fs.createFile(name).overwrite(true).permission(FILE).build()) {
                  out.write(content);
                }
                return true;
              });
    } finally {
      if (!written) {
        folders.clear(); // somebody may have removed them
      }
    }
    return written;
  }

  private void deleteLeftover(Path temporary) throws IOException {
    call(fs -> fs.delete(temporary, false));
  }

  private static Path parent(Path name) {
    return java.util.Objects.requireNonNull(name.getParent());
  }

  private void createFolder(Path folder) throws IOException {
    if (!folders.contains(folder)) {
      if (!call(fs -> fs.mkdirs(folder, FOLDER))) {
        throw new IOException("'" + folder + "' could not be created");
      }
      folders.add(folder);
    }
  }

  private interface Request<T> {
    T run(FileSystem fs) throws Exception;
  }

  private <T> T call(Request<T> request) throws IOException {
    try {
      return Foreign.call(who, () -> request.run(fileSystem()));
    } catch (IOException e) {
      if (e.getCause() instanceof ExecutionException asked
          && asked.getCause() instanceof IOException of) {
        throw of; // of a request that is answered later
      }
      throw e;
    }
  }

  private synchronized FileSystem fileSystem() throws IOException {
    if (closed) {
      throw new IOException("the application has ended");
    }
    FileSystem open = fileSystem;
    if (open == null) {
      open = FileSystem.newInstance(root.toUri(), conf);
      open.setVerifyChecksum(false); // entries and sets have their own
      open.setWriteChecksum(false);
      fileSystem = open;
    }
    return open;
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    FileSystem open = fileSystem;
    fileSystem = null;
    if (open != null) {
      Foreign.call(
          who,
          () -> {
            open.close();
            return true;
          });
    }
  }
}
