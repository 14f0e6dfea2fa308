// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Measures what an application pays, once, for the identity of its class path: of the engine, and
 * of all jars for functions that use libraries. In the package of what it measures.
 *
 * <p>Arguments: {@code make DIRECTORY JARS} writes jars; {@code measure} prints milliseconds of
 * this process, whose class path should have them: each application is a process of its own.
 */
public final class IdentityBenchmark {
  private static final int CLASSES = 150;
  private static final int CLASS_BYTES = 3_000;

  private IdentityBenchmark() {}

  public static void main(String[] args) throws IOException {
    if (args[0].equals("make")) {
      make(Path.of(args[1]), Integer.parseInt(args[2]));
    } else {
      measure();
    }
  }

  /** Jars of some hundred classes, a resource and a service each; one class is in two of them. */
  private static void make(Path directory, int jars) throws IOException {
    Random random = new Random(19);
    for (int jar = 0; jar < jars; jar++) {
      OutputStream file =
          Files.newOutputStream(directory.resolve("library-%03d.jar".formatted(jar)));
      try (ZipOutputStream zip = new ZipOutputStream(file)) {
        for (int i = 0; i < CLASSES; i++) {
          byte[] code = new byte[CLASS_BYTES];
          random.nextBytes(code);
          put(zip, "org/example/library%d/C%d.class".formatted(jar, i), code);
        }
        put(zip, "org/example/Common.class", new byte[] {(byte) jar});
        byte[] text = "org.example.library%d.C0\n".formatted(jar).getBytes(StandardCharsets.UTF_8);
        put(zip, "META-INF/services/org.example.Service", text);
        put(zip, "org/example/library%d/table.txt".formatted(jar), text);
      }
    }
  }

  private static void put(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    zip.putNextEntry(new ZipEntry(name));
    zip.write(bytes);
    zip.closeEntry();
  }

  /**
   * As an application has long done: Spark's classes are loaded, and every jar was searched once.
   */
  private static void openAll(ClassLoader loader) {
    System.out.println("Spark " + org.apache.spark.package$.MODULE$.SPARK_VERSION());
    EngineIdentity.witnesses(loader);
    byte[] unused = new CanonicalHasher().putString("loads the JDK's digests").digest();
    if (loader.getResource("no/such/resource") != null) {
      throw new IllegalStateException("no jar was to have it");
    }
  }

  private static void print(String what, Runnable measured) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long ran = threads.getCurrentThreadCpuTime();
    long start = System.nanoTime();
    measured.run();
    long end = System.nanoTime();
    System.out.printf(
        "  %s: %.1f ms, of which the thread ran %.1f%n",
        what, (end - start) / 1e6, (threads.getCurrentThreadCpuTime() - ran) / 1e6);
  }

  private static void measure() {
    ClassLoader loader = IdentityBenchmark.class.getClassLoader();
    openAll(loader);
    print("engine", EngineIdentity::current);
    print("class path", () -> ClassPathIdentity.of(loader, List.of(), false));
    print("class path again", () -> ClassPathIdentity.of(loader, List.of(), false));
    System.out.println("  " + JarIdentity.classPath(loader).size() + " jars and directories");
  }
}
