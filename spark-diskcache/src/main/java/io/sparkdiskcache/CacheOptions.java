// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.arrow.Precision;
import io.sparkdiskcache.arrow.PrecisionPolicy;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.storage.StorageLevel;

/**
 * How one relation is kept. Immutable.
 *
 * @param storageLevel Spark's level; must use disk
 * @param tag label of the entries; empty for the session's
 * @param inputVersion your word for the content of all inputs that have no identity of their own:
 *     RDDs, JDBC, Kafka, Hive serde tables, tables of other libraries, files read with {@code
 *     ignoreMissingFiles}. Empty, and such a relation is refused. Given, it is kept under that word
 *     as a whole and found under the same word, in later applications too: rows are right only as
 *     long as you use another word for other content. Queries and, as far as they can be told
 *     apart, sources are in the key beside it; of an RDD no more than the place in the program is
 *     known, so a job that reads another RDD through the same code must bring another word. Files
 *     and Delta tables in the same plan keep their own identities.
 * @param precision how columns of type float and double, and arrays of these, are kept: {@code
 *     float32}, {@code float16}, {@code bfloat16} or {@code exact}, by pattern of their names; see
 *     {@link PrecisionPolicy}. Empty for what the session's settings say
 * @param maxRelativeError how far {@code precision} may move a value, as a share of its magnitude;
 *     infinite for any
 * @param maxAbsoluteError how far {@code precision} may move a value; infinite for any
 * @param ttl how old a result may be when the relation is first read, whoever stored it: what is
 *     older is computed anew, and replaced. Zero for any age. Other cached relations that this one
 *     reads have their own age
 */
public record CacheOptions(
    StorageLevel storageLevel,
    String tag,
    String inputVersion,
    Map<String, String> precision,
    double maxRelativeError,
    double maxAbsoluteError,
    Duration ttl) {

  public CacheOptions {
    if (!storageLevel.useDisk() || storageLevel.useOffHeap()) {
      throw new IllegalArgumentException(
          "Cannot persist with "
              + storageLevel
              + ": a relation is kept on disk; use MEMORY_AND_DISK or DISK_ONLY.");
    }
    if (tag.contains("\n") || tag.contains("\r")) {
      throw new IllegalArgumentException("Cannot use a tag with a line break: '" + tag + "'.");
    }
    if (ttl.isNegative()) {
      throw new IllegalArgumentException(
          "Cannot use a time to live of " + ttl + ": it must be more than zero, or zero for none.");
    }
    precision = Map.copyOf(precision);
    policy(precision, maxRelativeError, maxAbsoluteError);
  }

  /** As {@code df.cache()}. */
  public static CacheOptions defaults() {
    return new CacheOptions(
        StorageLevel.MEMORY_AND_DISK(),
        "",
        "",
        Map.of(),
        Double.POSITIVE_INFINITY,
        Double.POSITIVE_INFINITY,
        Duration.ZERO);
  }

  /** {@link #defaults} with a version, such as {@code "2026-11-22"} or a table's commit. */
  public static CacheOptions inputVersion(String value) {
    return defaults().withInputVersion(value);
  }

  /** {@link #defaults} with a precision, such as {@code Map.of("embedding", "float16")}. */
  public static CacheOptions precision(Map<String, String> value) {
    return defaults().withPrecision(value);
  }

  public CacheOptions withPrecision(Map<String, String> value) {
    return new CacheOptions(
        storageLevel, tag, inputVersion, value, maxRelativeError, maxAbsoluteError, ttl);
  }

  public CacheOptions withMaxRelativeError(double value) {
    return new CacheOptions(
        storageLevel, tag, inputVersion, precision, value, maxAbsoluteError, ttl);
  }

  public CacheOptions withMaxAbsoluteError(double value) {
    return new CacheOptions(
        storageLevel, tag, inputVersion, precision, maxRelativeError, value, ttl);
  }

  public CacheOptions withInputVersion(String value) {
    return new CacheOptions(
        storageLevel, tag, value, precision, maxRelativeError, maxAbsoluteError, ttl);
  }

  public CacheOptions withTag(String value) {
    return new CacheOptions(
        storageLevel, value, inputVersion, precision, maxRelativeError, maxAbsoluteError, ttl);
  }

  public CacheOptions withTtl(Duration value) {
    return new CacheOptions(
        storageLevel, tag, inputVersion, precision, maxRelativeError, maxAbsoluteError, value);
  }

  public CacheOptions withStorageLevel(StorageLevel value) {
    return new CacheOptions(
        value, tag, inputVersion, precision, maxRelativeError, maxAbsoluteError, ttl);
  }

  /**
   * Precision and bounds together.
   *
   * @throws IllegalArgumentException for bounds without a precision that they could bound
   */
  PrecisionPolicy policy() {
    if (precision.isEmpty()
        && (Double.isFinite(maxRelativeError) || Double.isFinite(maxAbsoluteError))) {
      throw new IllegalArgumentException(
          "Cannot bound errors of a relation without a precision of its own: add withPrecision.");
    }
    return policy(precision, maxRelativeError, maxAbsoluteError);
  }

  private static PrecisionPolicy policy(
      Map<String, String> precision, double maxRelativeError, double maxAbsoluteError) {
    Map<String, Precision> columns = new TreeMap<>();
    precision.forEach(
        (pattern, text) -> {
          try {
            columns.put(pattern, Precision.parse(text));
          } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                "Cannot keep column '%s' as '%s': it must be exact, float32, float16 or bfloat16."
                    .formatted(pattern, text),
                e);
          }
        });
    return new PrecisionPolicy(columns, maxRelativeError, maxAbsoluteError);
  }
}
