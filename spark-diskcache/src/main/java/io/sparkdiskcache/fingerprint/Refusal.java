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
    PLAN_NODE,
    /** An expression that is not on the allow-list. */
    EXPRESSION,
    /** An argument of a node or expression whose type has no canonical encoding. */
    ARGUMENT,
    /** A data type without a canonical encoding, or one that Arrow cannot carry exactly. */
    DATA_TYPE,
    /** Rows differ from run to run: rand, uuid, a UDF declared non-deterministic, sampling. */
    NON_DETERMINISTIC,
    /** A source whose content has no identity: RDD, JDBC, a third-party format, a table. */
    SOURCE,
    /** An input file that changed so recently that its timestamp cannot be trusted. */
    INPUT_UNSETTLED,
    /** An input file that is gone, or whose status cannot be read. */
    INPUT_UNREADABLE,
    /** User code that reads state outside its arguments, or whose bytecode cannot be followed. */
    FUNCTION,
    /** A user function captures a value without a stable encoding. */
    FUNCTION_STATE,
    /** A configuration value under which rows may be silently partial. */
    CONF,
    /** A hit would skip a side effect: observe, accumulators. */
    SIDE_EFFECT,
    /** The session has the cache turned off. */
    DISABLED,
    /** Another library's cache serializer is configured. */
    SERIALIZER,
    /** The storage level asks for memory only. */
    STORAGE_LEVEL,
    /** Spark had filled the relation before the cache saw it. */
    LOADED,
    /** The cache directory cannot be used. */
    STORE,
    /** What is stored is to be encrypted, and entries cannot be. */
    ENCRYPTION,
    /** It takes longer to write and read back than to compute. */
    ADMISSION,
    /** An error inside the fingerprint itself; reported with its class and message. */
    INTERNAL
  }

  @Override
  public String toString() {
    return place.isEmpty()
        ? code + ": " + sentence
        : code + ": " + sentence + " [at " + place + "]";
  }
}
