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
import java.time.Instant;
import java.util.Optional;
import java.util.SortedMap;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;

/**
 * Facts about a relation that its tasks need. Broadcast.
 *
 * @param storeOptions how the store is opened
 * @param admission which results are kept
 * @param schema names and types of the rows, in order
 * @param precision how its numbers are kept
 * @param compression of what is written; entries read may have another
 * @param relation function hash in hexadecimal; groups the entries of the relation
 * @param generation of a run-bound relation; null otherwise
 * @param confDigest settings under which the keys hold
 * @param expires when the keys stop holding, because "today" is part of them; milliseconds since
 *     the epoch, Long.MAX_VALUE for never
 * @param notBefore what was stored before is not used: older than the relation's time to live
 * @param tag label for the entries
 * @param application id of the application that writes and, after a slash, its session
 * @param description the plan's root, for people
 * @param components what the key was made of, for people
 * @param encryption of the entries; null if they are plain
 * @param remote where copies of entries are
 * @param proofs functions that have to prove in the tasks that they are what was hashed
 * @param below what is known of the functions that ran before the RDD was made: in broadcast sides,
 *     subqueries and stages that adaptive execution has run
 * @param asksBelow whether more may become known of stages below while the RDD is computed
 * @param environment defaults of the driver's JVM, which the keys hold for
 * @param hadoopConf for asking whether input files have changed
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record RelationSpec(
    StoreOptions storeOptions,
    Admission admission,
    StructType schema,
    PrecisionPolicy precision,
    Compression compression,
    String relation,
    @Nullable String generation,
    byte[] confDigest,
    long expires,
    Instant notBefore,
    String tag,
    String application,
    String description,
    SortedMap<String, String> components,
    @Nullable Encryption encryption,
    RemoteOptions remote,
    Proofs proofs,
    Findings below,
    boolean asksBelow,
    SortedMap<String, String> environment,
    SerializableConfiguration hadoopConf)
    implements Serializable {

  String directory() {
    return storeOptions.directory();
  }

  Optional<RemoteTier> remoteTier() {
    return RemoteTier.of(remote, hadoopConf.value());
  }

  /** Fetched entries must be young enough for the relation and for the store. */
  Instant fetchedNotBefore() {
    Instant limit = CacheApplication.limit(storeOptions.limits().ttl());
    return limit.isAfter(notBefore) ? limit : notBefore;
  }

  VerifyMode verify() {
    return storeOptions.verify();
  }
}
