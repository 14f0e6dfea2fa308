// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/** A JVM of its own that works on a store; says on its standard output what it has done. */
final class StoreProcess implements AutoCloseable {
  static final int PARTITIONS = 3;

  private static final int READING_THREADS = 4;
  private static final long POLL_NANOS = 20_000_000;

  /** The limit under which {@code mix} works: of 200 keys with 500 bytes, 160. */
  static final long MIX_BYTES = 80_000;

  private final Process process;
  private final BufferedReader output;

  private StoreProcess(Process process) {
    this.process = process;
    this.output =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  static StoreProcess start(Path directory, String task, String... arguments) throws IOException {
    return start(List.of(), directory, task, arguments);
  }

  /** For root too nothing is writable that does not say so. */
  static StoreProcess startUnprivileged(Path directory, String task) throws IOException {
    boolean root = "root".equals(System.getProperty("user.name"));
    return start(
        root ? List.of("setpriv", "--bounding-set=-dac_override,-dac_read_search") : List.of(),
        directory,
        task);
  }

  private static StoreProcess start(
      List<String> prefix, Path directory, String task, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx128m",
            "-XX:TieredStopAtLevel=1",
            "-ea",
            "-cp",
            System.getProperty("java.class.path"),
            StoreProcess.class.getName(),
            directory.toString(),
            task));
    command.addAll(List.of(arguments));
    return new StoreProcess(
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  String readLine() throws IOException {
    String line = output.readLine();
    if (line == null) {
      throw new AssertionError("the process ended early");
    }
    return line;
  }

  /** SIGTERM, once it has published. */
  void endInOrder() throws IOException, InterruptedException {
    while (!readLine().equals("published")) {}
    signal("TERM");
    process.waitFor();
  }

  /** SIGSTOP: it does nothing any more, and keeps what it holds. */
  void freeze() throws IOException, InterruptedException {
    signal("STOP");
  }

  /** From now on it can make no file longer than that, as on a full disk. */
  void limitFiles(long bytes) throws IOException, InterruptedException {
    int code =
        new ProcessBuilder(
                "prlimit", "--pid", Long.toString(process.pid()), "--fsize=" + bytes + ":")
            .start()
            .waitFor();
    if (code != 0) {
      throw new AssertionError("prlimit failed");
    }
  }

  /** SIGCONT. */
  void thaw() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    int code =
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
    if (code != 0) {
      throw new AssertionError("kill -" + name + " failed");
    }
  }

  /** SIGKILL; returns the whole lines it had still written. */
  List<String> killAndDrain() throws IOException {
    process.toHandle().destroyForcibly(); // Process.destroyForcibly would close the stream as well
    StringBuilder rest = new StringBuilder();
    for (int c = output.read(); c >= 0; c = output.read()) {
      rest.append((char) c);
    }
    process.onExit().join();
    String whole = rest.substring(0, rest.lastIndexOf("\n") + 1);
    return whole.lines().toList();
  }

  /** Waits for its end; returns its lines. */
  List<String> finish() throws IOException, InterruptedException {
    List<String> lines = new ArrayList<>();
    for (String line = output.readLine(); line != null; line = output.readLine()) {
      lines.add(line);
    }
    int code = process.waitFor();
    if (code != 0) {
      throw new AssertionError("the process ended with code " + code + ": " + lines);
    }
    return lines;
  }

  @Override
  public void close() {
    process.toHandle().destroyForcibly();
    process.onExit().join();
    process.destroyForcibly(); // closes its streams
  }

  public static void main(String[] arguments) throws Exception {
    Path directory = Path.of(arguments[0]);
    switch (arguments[1]) {
      case "write" -> write(directory, arguments[2]);
      case "lease" -> lease(directory, arguments[2]);
      case "open" -> open(directory, Path.of(arguments[2]));
      case "read" -> read(directory, Path.of(arguments[2]));
      case "idle" -> idle(directory, Path.of(arguments[2]));
      case "openLater" -> openLater(directory, Path.of(arguments[2]));
      case "lock" -> lock(directory.resolve("index.db"), Path.of(arguments[2]));
      case "lockFile" -> lock(directory, Path.of(arguments[2]));
      case "readOnly" -> FailureTest.readOnly(directory);
      case "fill" ->
          fill(
              directory,
              arguments[2],
              Long.parseLong(arguments[3]),
              Duration.ofMillis(Long.parseLong(arguments[4])),
              Integer.parseInt(arguments[5]));
      case "hold" -> hold(directory, arguments[2]);
      case "mix" -> mix(directory, Long.parseLong(arguments[2]), Integer.parseInt(arguments[3]));
      default -> throw new IllegalArgumentException(arguments[1]);
    }
  }

  /** Publishes entries of 1,000 bytes as an application with limits of its own. */
  private static void fill(
      Path directory, String application, long maxBytes, Duration ttl, int entries)
      throws Exception {
    try (DiskStore store =
        DiskStore.open(DirectoryLimitsTest.options(directory, maxBytes, ttl, Map.of()))) {
      for (int i = 0; i < entries; i++) {
        DirectoryLimitsTest.put(store, application, i, "tag");
      }
      store.enforceLimits();
      store.settle();
      say("found " + store.findAll(store.entries().stream().map(Entry::key).toList()).size());
    }
  }

  /** Publishes entries and sets until it is killed. */
  private static void write(Path directory, String run) throws Exception {
    try (DiskStore store = StoreFixture.open(directory)) {
      Random random = new Random(run.hashCode());
      for (int i = 0; ; i++) {
        Key generation = StoreFixture.key(run + "-g" + i);
        for (int partition = 0; partition < PARTITIONS; partition++) {
          String name = run + "-" + i + "-" + partition;
          int length = 1 + random.nextInt(20_000);
          StoreFixture.put(store, StoreFixture.key(name), length);
          say("published " + name + " " + length);
          StoreFixture.putPartition(store, generation, partition, 100);
        }
        if (!store
            .sets()
            .complete(
                StoreFixture.key(run + "-set" + i),
                generation,
                PARTITIONS,
                new SetMeta("", Map.of()))) {
          throw new AssertionError("set " + i + " is not complete");
        }
        say("set " + run + "-set" + i);
      }
    }
  }

  /** Holds one of each kind of leftover until it is killed. */
  private static void hold(Path directory, String name) throws Exception {
    DiskStore store = StoreFixture.open(directory);
    Key key = StoreFixture.key(name);
    byte[] bytes = StoreFixture.content(key, 100);
    StoreFixture.write(store.begin(key).path(), bytes);
    StoreFixture.put(
        store, key, bytes, StoreFixture.meta(bytes, Optional.of(StoreFixture.key("held g")), 0));
    say("holding");
    Thread.currentThread().join();
  }

  /** Holds a lease until it is killed. */
  private static void lease(Path directory, String name) throws Exception {
    DiskStore store = StoreFixture.open(directory);
    Lease lease =
        store.lease(StoreFixture.key(name), java.time.Duration.ZERO, () -> {}).orElseThrow();
    say("leased");
    Thread.currentThread().join();
    lease.close();
  }

  /** Opens when the file is there, publishes one entry and closes when it is told to end. */
  private static void open(Path directory, Path go) throws Exception {
    say("ready");
    await(go);
    long start = System.nanoTime();
    DiskStore store = StoreFixture.open(directory);
    long millis = (System.nanoTime() - start) / 1_000_000;
    Runtime.getRuntime().addShutdownHook(new Thread(store::close));
    say(millis + " ms, " + store.findAll(List.of(StoreFixture.key("one"))).size() + " found");
    StoreFixture.put(store, StoreFixture.key(ProcessHandle.current().pid()), 100);
    say("published");
    Thread.currentThread().join();
  }

  private static void await(Path file) {
    while (!Files.exists(file)) {
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  /** Has the index open, and uses it again when the file is there. */
  private static void idle(Path directory, Path go) throws Exception {
    DiskStore store = StoreFixture.open(directory);
    StoreFixture.put(store, StoreFixture.key("ready"), 100);
    say("ready");
    await(go);
    say("found " + store.find(StoreFixture.key("earlier")).isPresent());
    say("published " + publishes(store, "1"));
    say("again " + publishes(store, "2"));
    say("errors " + (store.stats().errors() > 0));
    store.close();
    say("closed");
  }

  /** Looks up and lists without a pause, until the file is there. */
  private static void read(Path directory, Path until) throws Exception {
    try (DiskStore store = StoreFixture.open(directory)) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < READING_THREADS; i++) {
        int number = i;
        threads.add(
            new Thread(
                () -> {
                  for (int n = 0; !Files.exists(until); n++) {
                    store.find(StoreFixture.key("absent " + number + " " + n));
                    if (number == 0) {
                      store.entries();
                    }
                  }
                }));
      }
      threads.forEach(Thread::start);
      say("reading");
      for (Thread thread : threads) {
        thread.join();
      }
      say("errors " + store.stats().errors());
    }
  }

  private static boolean publishes(DiskStore store, String name) throws IOException {
    try {
      return StoreFixture.put(store, StoreFixture.key(name), 100) != null;
    } catch (StoreException e) {
      return false;
    }
  }

  /** Opens when the file is there; SQLite's library is loaded before. */
  private static void openLater(Path directory, Path go) throws Exception {
    StoreFixture.open(directory.resolveSibling("other")).close();
    say("ready");
    await(go);
    try (DiskStore store = StoreFixture.open(directory)) {
      say("opened, entries: " + store.entries().size());
    } catch (StoreException e) {
      say("not opened: " + e.getMessage());
    }
  }

  /** Holds the write lock of a database until the file is there. */
  private static void lock(Path database, Path until) throws Exception {
    try (Session session = Session.open(database, Duration.ZERO)) {
      session.execute("BEGIN IMMEDIATE");
      say("locked");
      await(until);
      session.execute("COMMIT");
    }
    say("let go");
  }

  /** Publishes, finds, verifies and evicts at random on keys that all processes share. */
  private static void mix(Path directory, long seed, int operations) throws Exception {
    Random random = new Random(seed);
    int hits = 0;
    long[] nanos = new long[operations];
    // Smaller than the keys together, so that the limit evicts as well.
    try (DiskStore store =
        DiskStore.open(new StoreOptions(directory, MIX_BYTES, VerifyMode.OPEN))) {
      for (int i = 0; i < operations; i++) {
        long start = System.nanoTime();
        Key key = StoreFixture.key(random.nextInt(200));
        switch (random.nextInt(10)) {
          case 0, 1, 2, 3 -> StoreFixture.put(store, key, 500);
          case 4 -> store.evict(entry -> entry.key().equals(key));
          default -> {
            Optional<Entry> entry = store.find(key);
            if (entry.isPresent()) {
              hits++;
              try (Pin pin = store.pin(entry.get())) {
                if (store.verify(pin.entry()) && !StoreFixture.holdsContent(pin.entry())) {
                  throw new AssertionError("wrong bytes of " + key);
                }
              } catch (java.nio.file.NoSuchFileException e) {
                hits--; // another process evicted it between verify and read
              }
            }
          }
        }
        nanos[i] = System.nanoTime() - start;
      }
      StoreStats stats = store.stats();
      say("errors " + stats.errors());
      say("quarantined " + stats.quarantined());
      say("hits " + hits);
      java.util.Arrays.sort(nanos);
      say(
          "micros p50 %d p99 %d max %d"
              .formatted(
                  nanos[operations / 2] / 1000,
                  nanos[operations * 99 / 100] / 1000,
                  nanos[operations - 1] / 1000));
    }
  }

  private static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
