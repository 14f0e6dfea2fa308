// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.CacheStats;
import io.sparkdiskcache.DiskCache;
import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.store.Key;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;

/**
 * Measures what the driver of a cluster pays: the messages that tell it the entries of a host;
 * finding a relation of many partitions; and a job that finds nothing. Arguments: an empty
 * directory, entries, partitions, and how often what is short is measured.
 */
final class ClusterBenchmark {
  private static final int LOOKUPS = 10_000;
  private static final int APPLICATIONS = 3;
  private static final int WARM_UP = 3;

  /** As executors send them. */
  private static final int KEYS_IN_MESSAGE = 1 << 16;

  private ClusterBenchmark() {}

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[0]);
    inventory(directory.resolve("inventory"), Integer.parseInt(args[1]));
    int partitions = Integer.parseInt(args[2]);
    resolve(directory.resolve("resolve-local"), "local[2]", partitions);
    resolve(directory.resolve("resolve-cluster"), "local-cluster[2,1,1024]", partitions);
    latency(directory.resolve("latency"), Integer.parseInt(args[3]));
  }

  private static SparkSession start(String master, Path cache) {
    return SparkSession.builder()
        .master(master)
        .appName("benchmark")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
        .config("spark.executor.memory", "1g")
        .config("spark.plugins", "io.sparkdiskcache.DiskCachePlugin")
        .config("spark.diskcache.dir", cache.toString())
        .config("spark.diskcache.maxBytes", "100g")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate();
  }

  // ---- the inventory

  private static void inventory(Path cache, int entries) throws Exception {
    try (SparkSession spark = start("local[2]", cache)) {
      ClusterDirectory directory =
          ClusterDirectory.start(
              spark.sparkContext(),
              Duration.ZERO,
              Optional.of(cache.resolve("driver")),
              TreeMap::new);
      long[] keys = new Random(1).longs(entries).toArray();
      List<byte[]> messages = new ArrayList<>();
      long bytes = 0;
      for (int from = 0; from < entries; from += KEYS_IN_MESSAGE) {
        int to = Math.min(entries, from + KEYS_IN_MESSAGE);
        long[] chunk = Arrays.copyOfRange(keys, from, to);
        // The form of a message between processes.
        Object[] message = {"Message$Keys", "0", "host:/cache", chunk, to == entries};
        messages.add(serialized(message));
        bytes += messages.get(messages.size() - 1).length;
      }
      long before = heap();
      long start = System.nanoTime();
      for (byte[] message : messages) {
        Object unused = directory.receive(deserialized(message));
      }
      double seconds = seconds(start);
      long memory = heap() - before;
      List<Key> wanted = new ArrayList<>();
      int lookups = Math.min(LOOKUPS, entries);
      for (int i = 0; i < lookups; i++) {
        wanted.add(
            new Key("%016x".formatted(keys[(int) ((long) i * entries / lookups)]).repeat(4)));
      }
      start = System.nanoTime();
      int found = directory.holders("benchmark", wanted).size();
      double lookup = seconds(start);
      if (found != lookups) {
        throw new IllegalStateException(found + " of " + lookups + " entries were found.");
      }
      directory.stop();
      System.out.println("| inventory of a host | |");
      System.out.println("|---|---|");
      print("entries", entries);
      print("messages", messages.size());
      print("bytes of the messages, MB", bytes / 1e6);
      print("reading the messages and taking them in, s", seconds);
      print("memory of the driver, MB", memory / 1e6);
      print("lookup of " + lookups + " entries, ms", lookup * 1e3);
      System.out.println();
    }
  }

  /** As Spark's RPC layer does. */
  private static byte[] serialized(Object message) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(message);
    }
    return bytes.toByteArray();
  }

  private static Object deserialized(byte[] message) throws IOException, ClassNotFoundException {
    try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(message))) {
      return in.readObject();
    }
  }

  private static long heap() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  // ---- a relation of many partitions

  private static void resolve(Path cache, String master, int partitions) throws Exception {
    double filled;
    try (SparkSession spark = start(master, cache)) {
      Dataset<Row> df = relation(spark, partitions);
      long start = System.nanoTime();
      if (df.persist(StorageLevel.MEMORY_AND_DISK()).count() != 4L * partitions) {
        throw new IllegalStateException("The rows are not those that were made.");
      }
      filled = seconds(start);
      requireComputed(spark, partitions);
    }
    double[] resolved = new double[APPLICATIONS];
    double[] read = new double[APPLICATIONS];
    for (int i = 0; i < APPLICATIONS; i++) {
      try (SparkSession spark = start(master, cache)) {
        relation(spark, 2).cache().count(); // classes, and executors that have come
        Dataset<Row> df = relation(spark, partitions).cache();
        long start = System.nanoTime();
        df.queryExecution().executedPlan().execute();
        resolved[i] = seconds(start);
        start = System.nanoTime();
        df.count();
        read[i] = seconds(start);
        if (DiskCache.of(spark).stats().hits() < partitions) {
          throw new IllegalStateException("Not found: " + DiskCache.of(spark).stats());
        }
      }
    }
    System.out.println("| " + master + " | s |");
    System.out.println("|---|---|");
    print("computing and storing " + partitions + " partitions", filled);
    print("the next application: finding, verifying and opening all of them", median(resolved));
    print("counting their rows, a task for each", median(read));
    System.out.println();
  }

  /** Behind a shuffle, so that the next application has no parent to fall back to. */
  private static Dataset<Row> relation(SparkSession spark, int partitions) {
    return spark.range(0, 4L * partitions, 1, 2).toDF("id").repartition(partitions);
  }

  private static void requireComputed(SparkSession spark, long computed) {
    CacheStats stats = DiskCache.of(spark).stats();
    if (stats.computed() < computed || !stats.refused().isEmpty()) {
      throw new IllegalStateException("Not kept: " + stats);
    }
  }

  // ---- a job that finds nothing

  private static void latency(Path cache, int runs) throws Exception {
    try (SparkSession spark = start("local[2]", cache)) {
      SparkSession plain = BenchSpark.plain(spark);
      long[] rows = {1_000_000};
      int[] run = {0};
      for (int i = 0; i < WARM_UP; i++) { // to a second
        long start = System.nanoTime();
        job(plain, rows[0], run[0]++);
        rows[0] = (long) (rows[0] / seconds(start));
      }
      Interleaved.Medians medians =
          new Interleaved()
              .way("plain", () -> job(plain, rows[0], run[0]++))
              .way("with", () -> job(spark, rows[0], run[0]++))
              .medians(WARM_UP, runs);
      requireComputed(spark, runs);
      System.out.println("| a job that finds nothing | |");
      System.out.println("|---|---|");
      print("Spark's own cache, s", medians.of("plain"));
      print("with an empty cache, s", medians.of("with"));
      print("ratio", medians.of("with") / medians.of("plain"));
    }
  }

  /** Another relation in every run, with the same number of rows. */
  private static Object job(SparkSession spark, long rows, int run) {
    Dataset<Row> df =
        spark
            .range(0, rows, 1, 2)
            .selectExpr("id % 1000 as k", "sha2(concat(id, '/" + run + "'), 256) as digest")
            .groupBy("k")
            .agg(Map.of("digest", "max"))
            .cache();
    try {
      return df.count();
    } finally {
      df.unpersist(true);
    }
  }

  // ----

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  private static void print(String what, double value) {
    System.out.printf(Locale.ROOT, "| %s | %,.3f |%n", what, value);
  }

  private static void print(String what, int value) {
    System.out.printf(Locale.ROOT, "| %s | %,d |%n", what, value);
  }
}
