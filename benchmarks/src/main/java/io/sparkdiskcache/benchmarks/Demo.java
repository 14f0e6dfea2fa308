// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Runs {@link TpchEtl} in separate applications, with and without the cache, and shows what each
 * cost and whether all returned the same rows.
 *
 * <pre>
 * DIR/data/scale-N   input, kept for the next demo
 * DIR/cache          spark.diskcache.dir of the runs with the cache; emptied at the start
 * DIR/runs/RUN       output, figures and log of each run
 * </pre>
 */
@Command(
    name = "bin/demo",
    sortOptions = false,
    description =
        "Runs the same Spark job in separate JVMs, with and without spark-diskcache, and prints"
            + " what each run cost and whether all returned the same rows.",
    footer = {"", "Exit code: 0 same rows, 1 different rows or a failed run, 2 bad arguments."})
final class Demo implements Callable<Integer> {
  private static final int DIFFERENT = 1;
  private static final int USAGE = 2;

  /** In the directory of a demo: held while one runs, and the sign that we may delete there. */
  private static final String LOCK = "demo.lock";

  private final PrintStream out = System.out;
  private final DemoReport report = new DemoReport();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--scale",
      paramLabel = "N",
      defaultValue = "0.1",
      description = "TPC-H scale factor; 1 is 6 million line items (default: ${DEFAULT-VALUE})")
  private double scale;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "where data, cache, outputs and logs go (default: benchmarks/target/demo)")
  private @Nullable Path dir;

  @SuppressWarnings("UnusedVariable") // picocli acts on it
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "show this text")
  private boolean help;

  private Demo() {}

  public static void main(String[] args) {
    System.exit(execute(args));
  }

  static int execute(String... args) {
    return new CommandLine(new Demo())
        .setParameterExceptionHandler((error, ignored) -> complain(error, USAGE))
        .setExecutionExceptionHandler((error, command, parsed) -> complain(error, DIFFERENT))
        .execute(args);
  }

  private static int complain(Exception error, int exitCode) {
    boolean expected = error instanceof ParameterException || error instanceof DemoException;
    System.err.println("bin/demo: " + (expected ? error.getMessage() : error));
    return exitCode;
  }

  @Override
  public Integer call() throws IOException, InterruptedException, DemoException {
    if (!(scale >= 0.001 && scale <= 1000)) {
      throw badArgument("--scale must be between 0.001 and 1000, not " + scale);
    }
    Path base =
        (dir == null ? Installation.home().resolve("benchmarks/target/demo") : dir)
            .toAbsolutePath()
            .normalize();
    try (FileChannel channel = claim(base);
        FileLock lock = channel.tryLock()) {
      if (lock == null) {
        throw new DemoException("Cannot use " + base + ": another demo is running there");
      }
      return runAll(Installation.fromSystemProperties(), base) ? 0 : DIFFERENT;
    }
  }

  private ParameterException badArgument(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /**
   * Directories below are deleted, so the directory must be new, empty or a demo's. Returns the
   * open lock file, which the caller closes.
   */
  private FileChannel claim(Path base) throws IOException {
    if (Files.exists(base) && !Files.isDirectory(base)) {
      throw badArgument("--dir must be a directory: " + base);
    }
    if (!Files.exists(base.resolve(LOCK)) && Files.isDirectory(base)) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(base)) {
        if (files.iterator().hasNext()) {
          throw badArgument(
              "--dir must be new, empty or of an earlier demo, this one holds other files: "
                  + base);
        }
      }
    }
    try {
      Files.createDirectories(base);
      return FileChannel.open(
          base.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (IOException unwritable) {
      throw badArgument("--dir cannot be created or written: " + unwritable);
    }
  }

  /** Returns whether all runs returned the rows of plain Spark. */
  private boolean runAll(Installation installation, Path base)
      throws IOException, InterruptedException, DemoException {
    Path runs = base.resolve("runs");
    Trees.delete(runs);
    Trees.delete(base.resolve("cache"));
    Trees.delete(base.resolve("tmp"));
    Files.createDirectories(base.resolve("tmp"));

    Path data = data(installation, base);
    warm(data, installation);
    for (DemoRun run : DemoRun.BEFORE_ARRIVAL) {
      runJob(installation, base, data, run);
    }
    long filled = Trees.bytes(base.resolve("cache"));
    if (!TpchData.arrive(data)) {
      throw new DemoException("Cannot let a file arrive: none is left in " + data);
    }
    try {
      for (DemoRun run : DemoRun.AFTER_ARRIVAL) {
        runJob(installation, base, data, run);
      }
    } finally {
      TpchData.depart(data);
    }
    List<String> differences = compare(installation, base);

    out.println();
    out.print(report.table());
    out.println();
    out.print(report.ratios());
    out.printf(
        "cache on disk: %s after (b), %s after (d)%n",
        DemoReport.bytes(filled), DemoReport.bytes(Trees.bytes(base.resolve("cache"))));
    differences.forEach(difference -> out.println("different: " + difference));
    out.println("results identical: " + (differences.isEmpty() ? "yes" : "no"));
    return differences.isEmpty();
  }

  /** The input, generated if this directory has none of this scale; one file is kept aside. */
  private Path data(Installation installation, Path base)
      throws IOException, InterruptedException, DemoException {
    Path data = base.resolve("data").resolve("scale-" + scale);
    Path complete = data.resolve(TpchData.COMPLETE);
    if (Files.exists(complete)) {
      TpchData.depart(data);
    } else {
      Trees.delete(data);
      List<Path> classPath = new ArrayList<>(installation.spark());
      classPath.addAll(installation.tools());
      classPath.add(installation.job());
      SparkJvm jvm = new SparkJvm(classPath, conf(base), heapMiB(), base.resolve("runs/data"));
      step(
          "generating TPC-H data at scale " + scale,
          jvm,
          TpchData.class,
          List.of(Double.toString(scale), data.toString()));
    }
    Properties counts = PropertyFiles.read(complete);
    out.printf(
        "scale %s: %s line items in %d files, %s more to arrive, %s orders, %s of Parquet%n",
        scale,
        counts.getProperty("lineitem"),
        TpchData.LINE_ITEM_FILES - 1,
        counts.getProperty("arriving"),
        counts.getProperty("orders"),
        DemoReport.bytes(Trees.bytes(data)));
    out.printf(
        "%d cores, %d MiB heap for each run, Java %s%n",
        Runtime.getRuntime().availableProcessors(), heapMiB(), System.getProperty("java.version"));
    return data;
  }

  /** Reads input and jars once, so that the first run does not pay for the disk alone. */
  private static void warm(Path data, Installation installation) throws IOException {
    List<Path> files = new ArrayList<>(installation.spark());
    for (String table : List.of("lineitem", "arriving", "orders")) {
      try (DirectoryStream<Path> parts = Files.newDirectoryStream(data.resolve(table))) {
        parts.forEach(files::add);
      }
    }
    for (Path file : files) {
      try (InputStream in = Files.newInputStream(file)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
    }
  }

  private void runJob(Installation installation, Path base, Path data, DemoRun run)
      throws IOException, InterruptedException, DemoException {
    Path home = base.resolve("runs").resolve(run.name());
    List<Path> classPath = new ArrayList<>(installation.spark());
    classPath.add(installation.job());
    if (run.cached()) {
      classPath.add(installation.cache());
    }
    Map<String, String> conf = run.cached() ? conf(base, base.resolve("cache")) : conf(base);
    conf.putAll(run.conf());
    Path figures = home.resolve("figures.properties");
    SparkJvm jvm = new SparkJvm(classPath, conf, heapMiB(), home);
    long millis =
        step(
            "run (" + run.name() + ") " + run.title(),
            jvm,
            JobRun.class,
            List.of(data.toString(), home.resolve("out").toString(), figures.toString()));
    report.add(run, RunFigures.read(figures), millis);
  }

  /** The differences from plain Spark, one sentence each. */
  private List<String> compare(Installation installation, Path base)
      throws IOException, InterruptedException, DemoException {
    Path runs = base.resolve("runs");
    Path verdicts = runs.resolve("compare/verdicts.properties");
    List<String> arguments = new ArrayList<>(List.of(verdicts.toString()));
    List<DemoRun> compared = new ArrayList<>(DemoRun.BEFORE_ARRIVAL);
    compared.addAll(DemoRun.AFTER_ARRIVAL);
    compared.removeIf(run -> run.name().equals(run.reference()));
    for (DemoRun run : compared) {
      arguments.add(run.name());
      arguments.add(runs.resolve(run.name()).resolve("out").toString());
      arguments.add(runs.resolve(run.reference()).resolve("out").toString());
    }
    List<Path> classPath = new ArrayList<>(installation.spark());
    classPath.add(installation.job());
    step(
        "comparing all rows with those of plain Spark",
        new SparkJvm(classPath, conf(base), heapMiB(), runs.resolve("compare")),
        CompareOutputs.class,
        arguments);

    List<String> differences = report.differentSummaries();
    Properties found = PropertyFiles.read(verdicts);
    for (DemoRun run : compared) {
      for (String output : TpchEtl.OUTPUTS) {
        String verdict = found.getProperty(run.name() + "." + output, "was not compared");
        if (!verdict.equals(CompareOutputs.IDENTICAL)) {
          differences.add("(%s) %s: %s".formatted(run.name(), output, verdict));
        }
      }
    }
    return differences;
  }

  /** Of a run with the cache. */
  static Map<String, String> conf(Path base, Path cache) {
    Map<String, String> conf = conf(base);
    conf.put("spark.diskcache.dir", cache.toString());
    return conf;
  }

  private static Map<String, String> conf(Path base) {
    Map<String, String> conf = new TreeMap<>();
    conf.put("spark.master", "local[*]");
    conf.put("spark.ui.enabled", "false");
    // Spark's default, 200, is meant for clusters: here it would cost more than the job's work.
    conf.put("spark.sql.shuffle.partitions", "16");
    conf.put("spark.driver.host", "127.0.0.1");
    conf.put("spark.driver.bindAddress", "127.0.0.1");
    conf.put("spark.local.dir", base.resolve("tmp").toString());
    conf.put("spark.sql.warehouse.dir", base.resolve("tmp/warehouse").toString());
    return conf;
  }

  /** Room for the job's cached results, but at most half of the machine. */
  private int heapMiB() {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long half = system.getTotalMemorySize() / 2 / (1024 * 1024);
    return (int) Math.max(1024, Math.min(half, Math.round(2048 + 2048 * scale)));
  }

  /** Says what is going on, and when it is over how long it took; returns the milliseconds. */
  private long step(String text, SparkJvm jvm, Class<?> main, List<String> arguments)
      throws IOException, InterruptedException, DemoException {
    out.printf("%-50s", text);
    out.flush();
    try {
      long millis = jvm.run(main, arguments);
      out.printf(" %8s%n", DemoReport.seconds(millis));
      return millis;
    } catch (DemoException failed) {
      out.println("   failed");
      throw new DemoException(text + ": " + failed.getMessage());
    }
  }
}
