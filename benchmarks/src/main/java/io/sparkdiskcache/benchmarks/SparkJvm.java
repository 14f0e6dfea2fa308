// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.launcher.JavaModuleOptions;

/**
 * A JVM with Spark in local mode, set up as {@code spark-submit} does it: Spark's own module
 * options, settings as system properties, nothing inherited from the environment's Spark.
 *
 * @param conf Spark settings
 * @param home its working directory, with its output in log.txt
 */
record SparkJvm(List<Path> classPath, Map<String, String> conf, int heapMiB, Path home) {
  private static final int TAIL_LINES = 30;

  /** Runs a main class to its end; returns the milliseconds the process took. */
  long run(Class<?> main, List<String> arguments)
      throws IOException, InterruptedException, DemoException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx" + heapMiB + "m");
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptionArray()));
    conf.forEach((key, value) -> command.add("-D" + key + "=" + value));
    command.add("-cp");
    command.add(
        classPath.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator)));
    command.add(main.getName());
    command.addAll(arguments);

    Files.createDirectories(home);
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(home.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log().toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("SPARK_"));
    long start = System.nanoTime();
    Process process = builder.start();
    Thread stop = new Thread(process::destroyForcibly);
    Runtime.getRuntime().addShutdownHook(stop);
    int exit = process.waitFor();
    long millis = (System.nanoTime() - start) / 1_000_000;
    Runtime.getRuntime().removeShutdownHook(stop);
    if (exit != 0) {
      throw new DemoException(
          main.getSimpleName()
              + " ended with exit code "
              + exit
              + "; "
              + log()
              + " ends:\n"
              + tail());
    }
    return millis;
  }

  private Path log() {
    return home.resolve("log.txt");
  }

  private String tail() throws IOException {
    List<String> lines =
        new String(Files.readAllBytes(log()), StandardCharsets.UTF_8).lines().toList();
    return lines.stream()
        .skip(Math.max(0, lines.size() - TAIL_LINES))
        .map(line -> "  " + line)
        .collect(Collectors.joining("\n"));
  }
}
