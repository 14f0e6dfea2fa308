// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.Compression;
import io.sparkdiskcache.arrow.Precision;
import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.conf.ConfEntry.Scope;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.store.ByteLimit;
import io.sparkdiskcache.store.EvictionPolicy;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.VerifyMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.spark.network.util.JavaUtils;

/** The registry of configuration keys. The tables in the documentation are generated from it. */
@Internal
public final class DiskCacheConf {
  /** Start of every key. */
  public static final String PREFIX = "spark.diskcache.";

  public static final ConfEntry<Boolean> ENABLED =
      new ConfEntry<>(
          PREFIX + "enabled",
          "true",
          "true or false",
          "With `true`, the cached relations of this session are kept on the SSD. With"
              + " `false` they behave as in plain Spark.",
          Scope.SESSION,
          DiskCacheConf::bool);

  public static final ConfEntry<String> DIR =
      new ConfEntry<>(
          PREFIX + "dir",
          "$XDG_CACHE_HOME/spark-diskcache, else ~/.cache/spark-diskcache",
          "one absolute path on a local file system, or a path below ~",
          "The cache directory. The cache creates it with mode 0700. It must belong to"
              + " the user who runs Spark; all executors of a host may share it. `~` and the"
              + " default mean the home and the environment of each process: `HOME`, else the"
              + " user's home directory. If hosts differ, the environment variable"
              + " `SPARK_DISKCACHE_DIR` of a worker names the directory of its host.",
          Scope.APPLICATION,
          DiskCacheConf::directory);

  public static final ConfEntry<Set<String>> FILE_SYSTEMS =
      new ConfEntry<>(
          PREFIX + "dir.fileSystems",
          "",
          "a comma-separated list of types as in the mount table, such as fuse.gocryptfs, or unknown",
          "Types of file systems that are local disks, by your word. A directory on ext,"
              + " xfs, btrfs, zfs, apfs, overlay, tmpfs and their like is accepted. Any other is"
              + " refused, because locks and crashes are not safe on network file systems. The"
              + " directory remembers the types that were accepted.",
          Scope.APPLICATION,
          DiskCacheConf::words);

  public static final ConfEntry<Duration> LOOKUP_WAIT =
      new ConfEntry<>(
          PREFIX + "lookup.wait",
          "15s",
          "a duration, such as 5s; 0s not to wait",
          "On a cluster, the longest time that the first lookup of an application waits"
              + " for executors to report their entries. Under dynamic allocation, also the"
              + " longest time that it waits for executors on hosts that held a relation before.",
          Scope.APPLICATION,
          Quantities::duration);

  public static final ConfEntry<String> DRIVER_DIR =
      new ConfEntry<>(
          PREFIX + "driver.dir",
          "",
          "the absolute path of a directory, or one below ~",
          "The directory in which the driver of a cluster keeps a small file about which"
              + " hosts held which relation. Under dynamic allocation the next application asks"
              + " for executors on these hosts. If it is not set, the directory `driver` below"
              + " `dir`.",
          Scope.APPLICATION,
          DiskCacheConf::pathBelowHome);

  public static final ConfEntry<ByteLimit> MAX_BYTES =
      new ConfEntry<>(
          PREFIX + "maxBytes",
          "50g",
          "a size of at least 1m, such as 500m or 50g, or a share of the disk, such as 20%",
          "The most that the entry files may take. For the first application that uses a"
              + " directory this is the limit of the directory; for others it is the limit of"
              + " the entries that they add themselves, see `limits.change`. Above the limit"
              + " entries are evicted, down to 90 % of it.",
          Scope.APPLICATION,
          DiskCacheConf::limit);

  public static final ConfEntry<Long> MIN_FREE_BYTES =
      new ConfEntry<>(
          PREFIX + "minFreeBytes",
          "1g",
          "a size, such as 10g; 0 for no such limit",
          "The space on the disk that stays free, whoever fills the disk. With less free"
              + " space, entries are evicted and nothing new is written.",
          Scope.APPLICATION,
          Quantities::bytes);

  public static final ConfEntry<Duration> TTL =
      new ConfEntry<>(
          PREFIX + "ttl",
          "0s",
          "a duration, such as 12h or 7d; 0s for ever",
          "The age up to which an entry is served to the application. As the limit of the"
              + " directory, see `limits.change`, it is also the age at which an entry is"
              + " evicted. `0s` means that entries do not age.",
          Scope.APPLICATION,
          Quantities::duration);

  public static final ConfEntry<Map<String, ByteLimit>> TAG_LIMITS =
      new ConfEntry<>(
          PREFIX + "tag.maxBytes",
          "",
          "a comma-separated list of TAG=LIMIT, such as nightly=20g,adhoc=5%",
          "The most that the entries with a tag may take, for each tag by itself.",
          Scope.APPLICATION,
          DiskCacheConf::tagLimits);

  public static final ConfEntry<EvictionPolicy> EVICTION =
      new ConfEntry<>(
          PREFIX + "eviction",
          "cost",
          oneOf(EvictionPolicy.class),
          "The order in which entries are evicted: `cost` those first that save the least"
              + " computing time per byte and time kept, `lru` the least recently used, `lfu`"
              + " the least frequently used, `oldest` the oldest. With `none` nothing is evicted"
              + " for room, and an entry that does not fit is not stored. The policy of an"
              + " existing cache may be changed.",
          Scope.APPLICATION,
          enumOf(EvictionPolicy.class));

  public static final ConfEntry<Boolean> LIMITS_CHANGE =
      new ConfEntry<>(
          PREFIX + "limits.change",
          "false",
          "true or false",
          "The first application that uses a directory sets its limits. With `true`, the"
              + " values that this application sets for `maxBytes`, `minFreeBytes`, `ttl`,"
              + " `tag.maxBytes` and `eviction` become those of the directory. With `false` they"
              + " hold for this application only: for the entries that it adds and, in the case"
              + " of `ttl`, for the entries that it is served.",
          Scope.APPLICATION,
          DiskCacheConf::bool);

  public static final ConfEntry<Admission> ADMISSION =
      new ConfEntry<>(
          PREFIX + "admission",
          "always",
          oneOf(Admission.class),
          "The results that are kept: `always` keeps all. `measured` keeps those that"
              + " take longer to compute than to write and read back; results behind a shuffle"
              + " are always kept, because the stages that they save are not measured.",
          Scope.APPLICATION,
          enumOf(Admission.class));

  public static final ConfEntry<VerifyMode> VERIFY =
      new ConfEntry<>(
          PREFIX + "verify",
          "open",
          oneOf(VerifyMode.class),
          "The time at which the checksum of an entry is compared: `open` once per"
              + " process before its first row, `always` before every read, `off` never.",
          Scope.APPLICATION,
          enumOf(VerifyMode.class));

  public static final ConfEntry<String> TAG =
      new ConfEntry<>(
          PREFIX + "tag",
          "",
          "any text without a line break",
          "A label that is stored with the entries that this session writes, for listing"
              + " and eviction.",
          Scope.SESSION,
          DiskCacheConf::label);

  public static final ConfEntry<Duration> SETTLE =
      new ConfEntry<>(
          PREFIX + "inputs.settle",
          "2s",
          "a duration of at least 0s, such as 500ms or 2s",
          "An input file that was changed less than this long ago is not trusted, because"
              + " a second change could leave the same timestamp. Its chunks are computed and"
              + " not stored. A relation that cannot be cut into chunks is left to Spark.",
          Scope.SESSION,
          DiskCacheConf::duration);

  public static final ConfEntry<Long> CHUNK_BYTES =
      new ConfEntry<>(
          PREFIX + "inputs.chunkBytes",
          "32m",
          "a size of at least 1m, such as 32m",
          "Files of a splittable format are cached in chunks: they are cut where Spark's own"
              + " partitions end, and at multiples of this size, so that few chunks change with the"
              + " number of cores or with other files."
              + " With another value, the entries that are stored are a miss.",
          Scope.APPLICATION,
          DiskCacheConf::atLeastOneMebibyte);

  public static final ConfEntry<String> IGNORED_SETTINGS =
      new ConfEntry<>(
          PREFIX + "key.ignoredSettings",
          "",
          "a comma-separated list of names of settings, such as spark.acme.runId,spark.team.*",
          "Settings that change no rows, by your word: another value of them is no miss."
              + " `*` stands for any text. Settings that Spark, its readers of files, Python and"
              + " this cache compute with are never ignored; to name one is an error.",
          Scope.APPLICATION,
          text -> text);

  public static final ConfEntry<Double> AUDIT_FRACTION =
      new ConfEntry<>(
          PREFIX + "audit.fraction",
          "0",
          "a number from 0 to 1, such as 0.01",
          "The share of hits that are recomputed and compared with the stored rows. If"
              + " the rows differ, the query gets the recomputed rows, and the function is not"
              + " cached in this directory any more. Results that may differ from run to run"
              + " cannot be compared.",
          Scope.SESSION,
          DiskCacheConf::fraction);

  public static final ConfEntry<String> KEY_FILE =
      new ConfEntry<>(
          PREFIX + "encryption.keyFile",
          "",
          "the absolute path of a file",
          "A file, on the driver and on every executor's host, that holds a secret key of"
              + " 32 bytes in Base64. With a key, entries and the components of their cache keys"
              + " are encrypted by AES-256-GCM. Names of columns, tags, sizes and times are not"
              + " encrypted.",
          Scope.APPLICATION,
          DiskCacheConf::absolutePath);

  public static final ConfEntry<String> KEY_ENV =
      new ConfEntry<>(
          PREFIX + "encryption.keyEnv",
          "",
          "the name of an environment variable",
          "An environment variable of each process that holds the key, in the place of"
              + " `encryption.keyFile`.",
          Scope.APPLICATION,
          DiskCacheConf::variable);

  public static final ConfEntry<Boolean> LITERALS =
      new ConfEntry<>(
          PREFIX + "literals",
          "true",
          "true or false",
          "With `true`, the texts that are stored beside the entries, for people and"
              + " selectors, show the literals of plans. With `false`, steps of plans and"
              + " descriptions are stored by their names only. Names of files and columns are"
              + " stored in both cases.",
          Scope.APPLICATION,
          DiskCacheConf::bool);

  public static final ConfEntry<SqlFunctions> SQL_FUNCTIONS =
      new ConfEntry<>(
          PREFIX + "sql.functions",
          "own",
          oneOf(SqlFunctions.class),
          "The entries that the SQL functions `diskcache_...` may list and evict: `own`"
              + " those that the session itself wrote, `all` every entry in every session, `off`"
              + " none. With `own`, the session that the driver's program began with may list"
              + " and evict every entry; sessions of users of a Thrift or Connect server may"
              + " not.",
          Scope.APPLICATION,
          enumOf(SqlFunctions.class));

  public static final ConfEntry<String> REMOTE_DIR =
      new ConfEntry<>(
          PREFIX + "remote.dir",
          "",
          "a URI with a scheme and an absolute path, such as s3a://bucket/cache or hdfs:///cache",
          "A directory on any file system of Hadoop. Entries are also written there, in"
              + " the background, and a host fetches the entries that it lacks from there."
              + " Nobody else may be able to write to it. The cache never deletes an entry"
              + " there; `diskcache remote gc` does.",
          Scope.APPLICATION,
          RemoteOptions::parseDirectory);

  public static final ConfEntry<Duration> REMOTE_FLUSH =
      new ConfEntry<>(
          PREFIX + "remote.flush",
          "30s",
          "a duration of at least 0s, such as 30s",
          "The time that the end of an application waits for entries to be written to"
              + " `remote.dir`. Entries that still wait after that are not written.",
          Scope.APPLICATION,
          DiskCacheConf::duration);

  public static final ConfEntry<Map<String, Precision>> PRECISION =
      new ConfEntry<>(
          PREFIX + "precision",
          "exact",
          "exact, float32, float16 or bfloat16, or a comma-separated list of COLUMN=PRECISION, such"
              + " as embedding=float16,price*=float32",
          "The precision of columns of type float and double, and of arrays of these. `*`"
              + " in a column's name stands for any text; the closest pattern counts. Values are"
              + " rounded to a precision that is shorter than their type, and every query of the"
              + " relation sees the rounded values, also the query that computes them. A batch"
              + " in which a number would become infinite, or would miss a bound, is kept wider."
              + " With another value, the entries that are stored are a miss.",
          Scope.SESSION,
          PrecisionPolicy::parse);

  public static final ConfEntry<Double> MAX_RELATIVE_ERROR =
      new ConfEntry<>(
          PREFIX + "precision.maxRelativeError",
          "Infinity",
          "a number of at least 0, such as 0.001",
          "The most that `precision` may move a value, as a share of its magnitude.",
          Scope.SESSION,
          DiskCacheConf::bound);

  public static final ConfEntry<Double> MAX_ABSOLUTE_ERROR =
      new ConfEntry<>(
          PREFIX + "precision.maxAbsoluteError",
          "Infinity",
          "a number of at least 0, such as 0.01",
          "The most that `precision` may move a value. If both bounds are set, both hold.",
          Scope.SESSION,
          DiskCacheConf::bound);

  public static final ConfEntry<Compression> COMPRESSION =
      new ConfEntry<>(
          PREFIX + "compression",
          "none",
          oneOf(Compression.class),
          "The compression of the entries that this session writes. Columns that are not"
              + " compressed are read without copying. Compressed columns are decompressed each"
              + " time that a query reads them, so compress relations that are large and seldom"
              + " read. Entries with another compression are hits all the same.",
          Scope.SESSION,
          enumOf(Compression.class));

  private static final List<ConfEntry<?>> ENTRIES =
      List.of(
          ENABLED,
          DIR,
          FILE_SYSTEMS,
          LOOKUP_WAIT,
          DRIVER_DIR,
          MAX_BYTES,
          MIN_FREE_BYTES,
          TTL,
          TAG_LIMITS,
          EVICTION,
          LIMITS_CHANGE,
          ADMISSION,
          VERIFY,
          TAG,
          SETTLE,
          CHUNK_BYTES,
          IGNORED_SETTINGS,
          AUDIT_FRACTION,
          KEY_FILE,
          KEY_ENV,
          LITERALS,
          SQL_FUNCTIONS,
          REMOTE_DIR,
          REMOTE_FLUSH,
          PRECISION,
          MAX_RELATIVE_ERROR,
          MAX_ABSOLUTE_ERROR,
          COMPRESSION);

  private DiskCacheConf() {}

  /** Every key, in the order of the documentation. */
  public static List<ConfEntry<?>> entries() {
    return ENTRIES;
  }

  /**
   * Keys under {@link #PREFIX} that no entry has: most likely misspelt.
   *
   * @return a sorted list, empty if all are known
   */
  public static List<String> unknownKeys(Map<String, String> conf) {
    TreeSet<String> unknown = new TreeSet<>();
    for (String key : conf.keySet()) {
      if (key.startsWith(PREFIX) && ENTRIES.stream().noneMatch(e -> e.key().equals(key))) {
        unknown.add(key);
      }
    }
    return List.copyOf(unknown);
  }

  /** The Markdown table of all keys. */
  public static String markdownTable() {
    StringBuilder table =
        new StringBuilder("| key | default | value | meaning |\n|---|---|---|---|\n");
    for (ConfEntry<?> e : ENTRIES) {
      String defaultText = e.defaultText().isEmpty() ? "(none)" : "`" + e.defaultText() + "`";
      String perSession = e.scope() == Scope.SESSION ? " Read from the session." : "";
      table.append(
          "| `%s` | %s | %s | %s%s |\n"
              .formatted(e.key(), defaultText, e.allowed(), e.doc(), perSession));
    }
    return table.toString();
  }

  private static boolean bool(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException(text);
    };
  }

  /** As {@link HostDirectory} takes it: a path, which each process makes of it by itself. */
  private static String directory(String text) {
    if (text.equals(DIR.defaultText())) {
      return HostDirectory.DEFAULT;
    }
    if (text.isEmpty() || text.contains(",") || text.contains("://")) {
      throw new IllegalArgumentException(text);
    }
    return pathBelowHome(text);
  }

  private static String pathBelowHome(String text) {
    return text.equals("~") || text.startsWith("~/")
        ? "~" + usable(text.substring(1))
        : absolutePath(text);
  }

  private static String absolutePath(String text) {
    if (!text.isEmpty() && !Path.of(usable(text)).isAbsolute()) {
      throw new IllegalArgumentException(text);
    }
    return text;
  }

  private static String usable(String text) {
    String reason = HostDirectory.unusable(text);
    if (!reason.isEmpty()) {
      throw new ConfEntry.UnusableValue(reason);
    }
    return text;
  }

  private static String variable(String text) {
    if (!text.matches("[A-Za-z0-9_]*")) {
      throw new IllegalArgumentException(text);
    }
    return text;
  }

  private static Set<String> words(String text) {
    return Arrays.stream(text.split(","))
        .map(word -> word.strip().toLowerCase(Locale.ROOT))
        .filter(word -> !word.isEmpty())
        .collect(Collectors.toUnmodifiableSet());
  }

  private static ByteLimit limit(String text) {
    ByteLimit limit = ByteLimit.parse(text);
    if (limit.share() == 0 && limit.bytes() < 1L << 20) {
      throw new IllegalArgumentException(text);
    }
    return limit;
  }

  private static Map<String, ByteLimit> tagLimits(String text) {
    Map<String, ByteLimit> limits = new TreeMap<>();
    for (String term : text.split(",", -1)) {
      int at = term.lastIndexOf('=');
      if (at > 0) {
        limits.put(term.substring(0, at).strip(), ByteLimit.parse(term.substring(at + 1)));
      } else if (!term.isBlank()) {
        throw new IllegalArgumentException(term);
      }
    }
    return Map.copyOf(limits);
  }

  private static long atLeastOneMebibyte(String text) {
    long bytes = JavaUtils.byteStringAsBytes(text);
    if (bytes < 1L << 20) {
      throw new IllegalArgumentException(text);
    }
    return bytes;
  }

  private static Duration duration(String text) {
    long millis = JavaUtils.timeStringAs(text, TimeUnit.MILLISECONDS);
    if (millis < 0) {
      throw new IllegalArgumentException(text);
    }
    return Duration.ofMillis(millis);
  }

  private static double fraction(String text) {
    double fraction = Double.parseDouble(text);
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new IllegalArgumentException(text);
    }
    return fraction;
  }

  private static double bound(String text) {
    double bound = Double.parseDouble(text);
    if (!(bound >= 0)) {
      throw new IllegalArgumentException(text);
    }
    return bound;
  }

  private static String label(String text) {
    if (text.contains("\n") || text.contains("\r")) {
      throw new IllegalArgumentException(text);
    }
    return text;
  }

  private static <E extends Enum<E>> Function<String, E> enumOf(Class<E> type) {
    return text -> Enum.valueOf(type, text.toUpperCase(Locale.ROOT));
  }

  private static <E extends Enum<E>> String oneOf(Class<E> type) {
    return Arrays.stream(type.getEnumConstants())
        .map(e -> e.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(", "));
  }
}
