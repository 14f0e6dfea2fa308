// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

/**
 * Why a relation is left to Spark's own cache.
 *
 * @param code the kind of reason, for counters and tests
 * @param place where in the plan it was found, outermost node first, separated by {@code /}; empty
 *     where the reason is not about a node
 * @param sentence problem, cause and cure, for people
 */
public record Refusal(Code code, String place, String sentence) {

  /** The kinds of reasons. Counted by name in the metrics, so names are not reused. */
  public enum Code {
    /** A physical plan node that is not on the allow-list. */
    PLAN_NODE("Cache the part of the query below this node, or leave it to Spark."),
    /** An expression that is not on the allow-list. */
    EXPRESSION("Cache the query without this expression and apply it to the result."),
    /** An argument of a node or expression whose type has no canonical encoding. */
    ARGUMENT("Cache the query without this value and apply it to the result."),
    /** A data type without a canonical encoding, or one that Arrow cannot carry exactly. */
    DATA_TYPE("Cast the column to a type of Spark's own, or leave it out."),
    /** Rows differ from run to run: rand, uuid, a UDF declared non-deterministic, sampling. */
    NON_DETERMINISTIC("Cache the query below, and draw what is random from the cached rows."),
    /** A source whose content has no identity: RDD, JDBC, a third-party format, a table. */
    SOURCE(
        "Write the rows to Parquet first, or state a version of the source yourself with %s.",
        "CacheOptions.inputVersion", "DiskCache.persist(df, input_version=...)"),
    /** An input file that changed so recently that its timestamp cannot be trusted. */
    INPUT_UNSETTLED(
        "Wait until the file is older than spark.diskcache.inputs.settle, and run again."),
    /** An input file whose next content could not be told from the one it has. */
    INPUT_VERSION(
        "Read the rows from a file system with eTags or inodes: copy them to HDFS, S3 or a local disk."),
    /** An input file that is gone, or whose status cannot be read. */
    INPUT_UNREADABLE("Refresh the table or read the path anew."),
    /** User code that reads state outside its arguments, or whose bytecode cannot be followed. */
    FUNCTION(
        "Pass what the function reads as an argument, or as a value that it captures%s.",
        "", ", or declare it with sparkdiskcache.pure if its rows depend on nothing else"),
    /**
     * A user function captures a value without a stable encoding, or one that no task can check.
     */
    FUNCTION_STATE(
        "Capture values of %s, and below a shuffle only what cannot be changed.",
        "the JDK, of Scala or of your own serializable classes",
        "Python's own types, of NumPy or pandas, or of classes that can be pickled"),
    /** A configuration value under which rows may be silently partial. */
    CONF("Unset the setting for this session."),
    /** A hit would skip a side effect: observe, accumulators. */
    SIDE_EFFECT("Take the observation or accumulator out of the cached part."),
    /** The session has the cache turned off. */
    DISABLED("Set spark.diskcache.enabled=true."),
    /** Another library's cache serializer is configured. */
    SERIALIZER("Unset spark.sql.cache.serializer."),
    /** The storage level asks for memory only. */
    STORAGE_LEVEL("Persist with MEMORY_AND_DISK, which is what cache() uses, or DISK_ONLY."),
    /** Spark had filled the relation before the cache saw it. */
    LOADED("Unpersist it and cache it again."),
    /** The cache directory cannot be used. */
    STORE("Make the directory of spark.diskcache.dir writable, or name another one."),
    /** Entries have to be encrypted, and no key is named. */
    ENCRYPTION(
        "Name a key by spark.diskcache.encryption.keyFile or spark.diskcache.encryption.keyEnv."),
    /** It takes longer to write and read back than to compute. */
    ADMISSION("Set spark.diskcache.admission=always to keep it all the same."),
    /** An audit found that what was stored of the function is not what it computes. */
    AUDIT(
        "Look for what the function reads besides its arguments, or report it; delete the file that is named to have it cached again."),
    /** An error inside the fingerprint itself; reported with its class and message. */
    INTERNAL("Please report it with its message; the query is computed as in plain Spark.");

    private final String cure;
    private final String java;
    private final String python;

    Code(String cure) {
      this(cure, "", "");
    }

    /**
     * @param cure with {@code %s} where a name of the API stands
     */
    Code(String cure, String java, String python) {
      this.cure = cure;
      this.java = java;
      this.python = python;
    }

    /** The cure, in one sentence, with the names of Java and Scala. */
    public String cure() {
      return cure.formatted(java);
    }

    /** {@link #cure} for a user of Python. */
    public String cureInPython() {
      return cure.formatted(python);
    }
  }

  @Override
  public String toString() {
    return place.isEmpty()
        ? code + ": " + sentence
        : code + ": " + sentence + " [at " + place + "]";
  }
}
