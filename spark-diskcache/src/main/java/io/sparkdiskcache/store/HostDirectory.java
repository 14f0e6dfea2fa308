// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.nio.charset.Charset;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where a process keeps what all processes are told to keep in one directory. The configured
 * directory travels as text, and each process makes a path of it by its own environment: the
 * driver's home is not that of executors. As {@code SPARK_LOCAL_DIRS} does for Spark, an
 * environment variable speaks for the host.
 */
@Internal
public final class HostDirectory {
  /** The default: the user's directory for caches, by the environment. */
  public static final String DEFAULT = "default";

  private static final String KEY = "spark.diskcache.dir";
  private static final String VARIABLE = "SPARK_DISKCACHE_DIR";
  private static final String NAME = "spark-diskcache";

  private HostDirectory() {}

  /**
   * The directory of this process.
   *
   * @param configured an absolute path, one below {@code ~}, or {@link #DEFAULT}
   * @throws StoreException if it cannot be told, or not be named in this process
   */
  public static Path of(String configured) throws StoreException {
    return of(configured, System.getenv(), System.getProperty("user.home", ""));
  }

  static Path of(String configured, Map<String, String> env, String userHome)
      throws StoreException {
    String ofHost = env.getOrDefault(VARIABLE, "");
    if (!ofHost.isEmpty()) {
      return named(VARIABLE, ofHost, env, userHome);
    }
    if (!configured.equals(DEFAULT)) {
      return named(KEY, configured, env, userHome);
    }
    return caches(env, userHome).resolve(NAME);
  }

  /** Where the user of this process has caches of all kinds. */
  static Path ofCaches() throws StoreException {
    return caches(System.getenv(), System.getProperty("user.home", ""));
  }

  private static Path caches(Map<String, String> env, String userHome) throws StoreException {
    Path caches = absolute(env.get("XDG_CACHE_HOME"));
    return caches == null ? home(env, userHome).resolve(".cache") : caches;
  }

  /**
   * A path, or one below {@code ~}, which is the home of this process.
   *
   * @throws StoreException if that cannot be told
   */
  public static Path expanded(String text) throws StoreException {
    return expanded(text, System.getenv(), System.getProperty("user.home", ""));
  }

  /** Of {@link #of}, for people: the path, or why there is none. */
  public static String shown(String configured) {
    try {
      return of(configured).toString();
    } catch (StoreException e) {
      return "(none) " + e.getMessage();
    }
  }

  /**
   * Why a text can be no path in this process, as a clause; empty if it can be one. Java refuses
   * characters that the locale of the process cannot express.
   */
  public static String unusable(String path) {
    try {
      Path unused = Path.of(path);
      return "";
    } catch (InvalidPathException e) {
      String encoding = System.getProperty("sun.jnu.encoding", "US-ASCII");
      return Charset.forName(encoding).newEncoder().canEncode(path)
          ? String.valueOf(e.getMessage())
          : "this process writes names of files in "
              + encoding
              + ", which lacks characters of it; start it with LC_ALL=C.UTF-8, or use ASCII";
    }
  }

  private static Path named(String by, String text, Map<String, String> env, String userHome)
      throws StoreException {
    Path path = expanded(text, env, userHome);
    if (!path.isAbsolute()) {
      throw new StoreException(
          problem(text), by + " must be an absolute path", "Set it to one, or unset it");
    }
    return path.normalize();
  }

  private static Path expanded(String text, Map<String, String> env, String userHome)
      throws StoreException {
    boolean ofHome = text.equals("~") || text.startsWith("~/");
    return parsed(ofHome ? home(env, userHome) + text.substring(1) : text);
  }

  private static Path home(Map<String, String> env, String userHome) throws StoreException {
    Path home = absolute(env.get("HOME"));
    if (home == null) {
      home = absolute(userHome);
    }
    if (home == null) {
      throw new StoreException(
          "Cannot tell the cache directory",
          "the user of this process has no home directory, and neither HOME nor XDG_CACHE_HOME is"
              + " set",
          "Set " + KEY + ", or " + VARIABLE + " in the environment of the process");
    }
    return home;
  }

  /** Null for what is not set, and for what is relative, which the XDG standard has ignored. */
  private static @Nullable Path absolute(@Nullable String text) throws StoreException {
    Path path = text == null || text.isEmpty() ? null : parsed(text);
    return path == null || !path.isAbsolute() ? null : path;
  }

  private static Path parsed(String text) throws StoreException {
    String reason = unusable(text);
    if (!reason.isEmpty()) {
      throw new StoreException(problem(text), reason, "Name another directory by " + KEY);
    }
    return Path.of(text);
  }

  private static String problem(String text) {
    return "Cannot use cache directory '" + text + "'";
  }
}
