// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.fingerprint.Refusal;
import io.sparkdiskcache.store.Entry;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Write side of an application's counters. */
@Internal
public final class RelationCounters {
  private final LongAdder hits = new LongAdder();
  private final LongAdder savedMillis = new LongAdder();
  private final LongAdder fetched = new LongAdder();
  private final LongAdder fromPeers = new LongAdder();
  private final LongAdder computed = new LongAdder();
  private final LongAdder batchesCopied = new LongAdder();
  private final LongAdder stagesSkipped = new LongAdder();
  private final LongAdder privateRelations = new LongAdder();
  private final LongAdder audits = new LongAdder();
  private final LongAdder auditMismatches = new LongAdder();
  private final LongAdder notAudited = new LongAdder();
  private final Map<Objection.Reason, LongAdder> withheld = new ConcurrentHashMap<>();
  private final Map<Refusal.Code, LongAdder> refused = new ConcurrentHashMap<>();

  /** Entries found, each with what computing it took. */
  void hit(Collection<Entry> entries) {
    hits.add(entries.size());
    entries.forEach(entry -> savedMillis.add(entry.meta().computeTime().toMillis()));
  }

  /** Entries that other processes have found. */
  void hit(long entries, long computeMillis) {
    hits.add(entries);
    savedMillis.add(computeMillis);
  }

  /** Of entries that were counted as found before anybody knew what they save. */
  void saved(long millis) {
    savedMillis.add(millis);
  }

  void fetched(long units) {
    fetched.add(units);
  }

  void fromPeers(long units) {
    fromPeers.add(units);
  }

  void computed(long units) {
    computed.add(units);
  }

  void copied(long batches) {
    batchesCopied.add(batches);
  }

  void skipped(long stages) {
    stagesSkipped.add(stages);
  }

  void madePrivate() {
    privateRelations.increment();
  }

  void audited(long units, long unequal) {
    audits.add(units);
    auditMismatches.add(unequal);
  }

  void couldNotAudit() {
    notAudited.increment();
  }

  /**
   * @param units negative for such as were counted by another reason
   */
  void withheld(Objection.Reason reason, int units) {
    withheld.computeIfAbsent(reason, of -> new LongAdder()).add(units);
  }

  void refused(Refusal refusal) {
    refused.computeIfAbsent(refusal.code(), code -> new LongAdder()).increment();
  }

  /** Partitions (file chunks, for row-local plans) found in the cache when a relation was built. */
  public long hits() {
    return hits.sum();
  }

  /** Task time in milliseconds that computing what was found had taken, with the stages below. */
  public long savedMillis() {
    return savedMillis.sum();
  }

  /** Partitions (file chunks) that tasks fetched from the remote tier, on any host. */
  public long fetched() {
    return fetched.sum();
  }

  /** Partitions (file chunks) that tasks read from another host of the cluster. */
  public long fromPeers() {
    return fromPeers.sum();
  }

  /** Partitions (file chunks, for row-local plans) computed and written. */
  public long computed() {
    return computed.sum();
  }

  /** Batches that were written column by column, without making rows of them. */
  public long batchesCopied() {
    return batchesCopied.sum();
  }

  /**
   * Exchanges below relations that were found whole, so that their plan was not executed at all.
   * Spark's own count of skipped stages knows nothing of these.
   */
  public long stagesSkipped() {
    return stagesSkipped.sum();
  }

  /** Relations kept for the application only, because an input or a setting moved under them. */
  public long privateRelations() {
    return privateRelations.sum();
  }

  /** Hits that were computed all the same and compared with what was stored. */
  public long audits() {
    return audits.sum();
  }

  /** Audits that found other rows. */
  public long auditMismatches() {
    return auditMismatches.sum();
  }

  /** Relations chosen for an audit whose rows may differ from run to run. */
  public long notAudited() {
    return notAudited.sum();
  }

  /** Partitions (file chunks) that were computed and are not kept, by reason. */
  public Map<Objection.Reason, Long> withheld() {
    Map<Objection.Reason, Long> counts = new TreeMap<>();
    withheld.forEach(
        (reason, count) -> {
          if (count.sum() > 0) {
            counts.put(reason, count.sum());
          }
        });
    return counts;
  }

  /** Relations left to Spark, by reason. */
  public Map<Refusal.Code, Long> refused() {
    Map<Refusal.Code, Long> counts = new TreeMap<>();
    refused.forEach((code, count) -> counts.put(code, count.sum()));
    return counts;
  }
}
