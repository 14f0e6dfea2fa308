// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/**
 * The answer of {@link PlanFingerprinter} for a plan: a key's ingredients, or why there are none.
 */
@Internal
public sealed interface FingerprintResult {

  /** The plan is left to Spark's own cache. */
  record Refused(Refusal refusal) implements FingerprintResult {}

  /**
   * The plan may be cached. The arrays are owned by the record and not to be changed.
   *
   * @param function what is computed: engine, settings, plan, functions, output types. Files are in
   *     it only where the units do not name them: inputs of broadcast sides (row-local) and of
   *     plans with several leaves (partition-local)
   * @param planClass which of the keys in {@link Keys} to make
   * @param inputs every file of every scan, broadcast sides and subqueries included, in plan order
   * @param partitions row-local, and partition-local over one file scan: what each Spark partition
   *     reads, by index and in order; empty otherwise. Row-local chunks are units
   * @param packing how the input is cut into partitions, where rows may show it: part of the keys
   *     of all rows together; empty otherwise
   * @param confDigest {@link ConfDigest} of the settings the plan was made under; rows computed
   *     under another digest must not be published
   * @param expires set where rows depend on today's date, as strings parsed to timestamps do: rows
   *     computed at or after this instant must not be published under this function, nor served
   * @param proofs functions that have to prove in the tasks that they are what was hashed
   * @param functions what a task must show of the JVM's functions and classes that it runs
   * @param components the ingredients by name, for people: a miss is explained by their difference
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared as records
  record Accepted(
      byte[] function,
      PlanClass planClass,
      List<InputFile> inputs,
      List<List<FileChunk>> partitions,
      byte[] packing,
      byte[] confDigest,
      Optional<Instant> expires,
      Proofs proofs,
      List<FunctionProof> functions,
      SortedMap<String, String> components)
      implements FingerprintResult {

    /**
     * Whether every input can be told from its next content. Where not, only units that read no
     * unsettled chunk may be stored or looked up; all other files are settled, or the plan was
     * refused.
     */
    public boolean settled() {
      return partitions.stream().flatMap(List::stream).allMatch(FileChunk::settled);
    }

    /** The chunks that all partitions read, in order. */
    public List<FileChunk> chunks() {
      return partitions.stream().flatMap(List::stream).toList();
    }

    /** {@link #function} in hexadecimal: the name of the relation for the store and for people. */
    public String relation() {
      return HexFormat.of().formatHex(function);
    }

    /** The same with these inputs, for plans that read what other relations were computed from. */
    public Accepted withInputs(List<InputFile> value) {
      return new Accepted(
          function,
          planClass,
          value,
          partitions,
          packing,
          confDigest,
          expires,
          proofs,
          functions,
          components);
    }
  }
}
