// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.Compression;
import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.conf.Admission;
import io.sparkdiskcache.fingerprint.Proofs;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.VerifyMode;
import java.io.Serializable;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.SortedMap;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;

/**
 * Facts about a relation that its tasks need. Broadcast.
 *
 * @param rows what the rows are
 * @param storing where they are kept
 * @param keys under what the keys hold
 * @param about what is kept with the entries for people
 * @param relation function hash in hexadecimal; groups the entries of the relation
 * @param generation of a run-bound relation; null otherwise
 * @param stagesBelow what is known of other tasks that run for the rows
 * @param hadoopConf for asking whether input files have changed
 */
record RelationSpec(
    Rows rows,
    Storing storing,
    Keys keys,
    About about,
    String relation,
    @Nullable String generation,
    StagesBelow stagesBelow,
    SerializableConfiguration hadoopConf)
    implements Serializable {

  /**
   * The rows and their form in a file.
   *
   * @param schema names and types of the rows, in order
   * @param json of the schema, made once for all entries
   * @param precision how its numbers are kept
   * @param compression of what is written; entries read may have another
   */
  record Rows(StructType schema, String json, PrecisionPolicy precision, Compression compression)
      implements Serializable {}

  /**
   * The places of entries.
   *
   * @param options how the store is opened
   * @param admission which results are kept
   * @param remote where copies of entries are
   * @param encryption of the entries; null if they are plain
   */
  record Storing(
      StoreOptions options,
      Admission admission,
      RemoteOptions remote,
      @Nullable Encryption encryption)
      implements Serializable {}

  /**
   * The conditions under which a key promises the rows.
   *
   * @param confDigest settings under which the keys hold
   * @param expires when the keys stop holding, because "today" is part of them; milliseconds since
   *     the epoch, Long.MAX_VALUE for never
   * @param notBefore what was stored before is not used: older than the relation's time to live
   * @param environment defaults of the driver's JVM, which the keys hold for
   * @param proofs functions that have to prove in the tasks that they are what was hashed
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Keys(
      byte[] confDigest,
      long expires,
      Instant notBefore,
      SortedMap<String, String> environment,
      Proofs proofs)
      implements Serializable {}

  /**
   * The words about a relation.
   *
   * @param tag label for the entries
   * @param application id of the application that writes and, after a slash, its session
   * @param description the plan's root
   * @param components what the key was made of
   */
  record About(
      String tag, String application, String description, SortedMap<String, String> components)
      implements Serializable {}

  /**
   * Tasks that run for the rows and are not those of the units.
   *
   * @param known what is known of the functions that ran before the RDD was made: in broadcast
   *     sides, subqueries and stages that adaptive execution has run
   * @param mayGrow whether more may become known while the RDD is computed
   * @param share of each unit in the task time of what ran for all of them before the RDD was made;
   *     of a run-bound relation the set has it
   */
  record StagesBelow(Findings known, boolean mayGrow, Duration share) implements Serializable {}

  StoreOptions storeOptions() {
    return storing.options;
  }

  Admission admission() {
    return storing.admission;
  }

  @Nullable Encryption encryption() {
    return storing.encryption;
  }

  StructType schema() {
    return rows.schema;
  }

  String schemaJson() {
    return rows.json;
  }

  PrecisionPolicy precision() {
    return rows.precision;
  }

  Compression compression() {
    return rows.compression;
  }

  byte[] confDigest() {
    return keys.confDigest;
  }

  long expires() {
    return keys.expires;
  }

  Instant notBefore() {
    return keys.notBefore;
  }

  SortedMap<String, String> environment() {
    return keys.environment;
  }

  Proofs proofs() {
    return keys.proofs;
  }

  String tag() {
    return about.tag;
  }

  String application() {
    return about.application;
  }

  String description() {
    return about.description;
  }

  SortedMap<String, String> components() {
    return about.components;
  }

  Findings below() {
    return stagesBelow.known;
  }

  Duration shareOfBelow() {
    return stagesBelow.share;
  }

  boolean asksBelow() {
    return stagesBelow.mayGrow;
  }

  String directory() {
    return storing.options.directory();
  }

  Optional<RemoteTier> remoteTier() {
    return RemoteTier.of(storing.remote, hadoopConf.value());
  }

  /** Fetched entries must be young enough for the relation and for the store. */
  Instant fetchedNotBefore() {
    Instant limit = CacheApplication.limit(storing.options.limits().ttl());
    return limit.isAfter(keys.notBefore) ? limit : keys.notBefore;
  }

  VerifyMode verify() {
    return storing.options.verify();
  }
}
