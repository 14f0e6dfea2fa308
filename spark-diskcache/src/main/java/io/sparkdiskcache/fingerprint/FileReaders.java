// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.store.FileRead;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;
import org.jspecify.annotations.Nullable;

/**
 * Members of the JDK, Scala and Spark that read the file that they are given. Where its path is
 * known before the function runs, the content of the file is part of the function, on the driver
 * and in each task.
 */
final class FileReaders {
  /** A file that Spark has sent, by its name: it has another path in each process. */
  private static final String SENT = "SparkFiles:";

  private static final String OBJECT = "org/apache/spark/SparkFiles$";

  /** These read their first argument. */
  private static final Set<String> READERS =
      Set.of(
          "java/nio/file/Files.readString",
          "java/nio/file/Files.readAllLines",
          "java/nio/file/Files.readAllBytes",
          "java/nio/file/Files.lines",
          "java/nio/file/Files.newInputStream",
          "java/nio/file/Files.newBufferedReader",
          "java/nio/file/Files.size",
          "java/io/FileInputStream.<init>",
          "java/io/FileReader.<init>",
          "java/util/Scanner.<init>",
          "scala/io/Source$.fromFile",
          "scala/io/Source.fromFile");

  /** These make a path of a text, or of another path. */
  private static final Set<String> PATHS =
      Set.of(
          "java/io/File.<init>(Ljava/lang/String;)V",
          "java/io/File.toPath()Ljava/nio/file/Path;",
          "java/io/File.getPath()Ljava/lang/String;",
          "java/nio/file/Path.toFile()Ljava/io/File;",
          "java/nio/file/Path.toString()Ljava/lang/String;");

  /** These do so if nothing is to be appended. */
  private static final Set<String> PATHS_OF_PARTS =
      Set.of(
          "java/nio/file/Path.of(Ljava/lang/String;[Ljava/lang/String;)Ljava/nio/file/Path;",
          "java/nio/file/Paths.get(Ljava/lang/String;[Ljava/lang/String;)Ljava/nio/file/Path;");

  private FileReaders() {}

  /** Whether a member reads the file that its first argument names. */
  static boolean reads(String owner, String name, String desc, @Nullable String second) {
    boolean takesPath =
        desc.startsWith("(Ljava/lang/String;")
            || desc.startsWith("(Ljava/io/File;")
            || desc.startsWith("(Ljava/nio/file/Path;");
    if (owner.equals("java/util/Scanner") && desc.startsWith("(Ljava/lang/String;")) {
      return false; // it scans the text itself
    }
    if (owner.equals("java/io/RandomAccessFile")) {
      return name.equals("<init>") && takesPath && "r".equals(second);
    }
    return takesPath && READERS.contains(owner + "." + name);
  }

  /** The path that a member makes of a known path, if that is known; else null. */
  static @Nullable String made(
      String owner, String name, String desc, String path, boolean noMoreParts) {
    String member = owner + "." + name + desc;
    if (PATHS.contains(member) || (noMoreParts && PATHS_OF_PARTS.contains(member))) {
      return path;
    }
    boolean ofSpark = owner.equals("org/apache/spark/SparkFiles") || owner.equals(OBJECT);
    return ofSpark && name.equals("get") && !isSent(path) ? SENT + path : null;
  }

  static boolean isSent(String path) {
    return path.startsWith(SENT);
  }

  /** Whether the same path names the same file in every process of a host. */
  static boolean isAbsolute(String path) {
    try {
      return isSent(path) || Path.of(path).isAbsolute();
    } catch (InvalidPathException e) {
      return false;
    }
  }

  /** The content of the file in this process, in hexadecimal; empty if there is none to be had. */
  static Optional<String> content(String path) {
    if (isSent(path) && SparkEnv.get() == null) {
      return Optional.empty(); // no application
    }
    try {
      String here = isSent(path) ? SparkFiles.get(path.substring(SENT.length())) : path;
      return FileRead.of(here).map(FileRead::sha256);
    } catch (InvalidPathException e) {
      return Optional.empty(); // no path of this host
    }
  }
}
