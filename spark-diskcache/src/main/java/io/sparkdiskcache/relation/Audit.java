// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.apache.spark.sql.catalyst.InternalRow;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The comparison of what is stored with what is computed, by which a wrong key would be noticed.
 *
 * <p>A file chunk, and a partition known by what it reads, is compared by the task that reads it:
 * the same rows to the last bit, in any order; columns that need not be exact up to their
 * precision. A run-bound result is compared as a whole, because another run may spread the rows
 * otherwise: a hit that is audited is computed like a miss, and the task that stores its last
 * partition compares the two generations. Either way the query gets the computed rows if they
 * differ, and the function is distrusted from then on.
 */
final class Audit {
  private static final Logger log = LoggerFactory.getLogger(Audit.class);

  private static final BitSet EXACT = new BitSet();

  private Audit() {}

  /** The refusal of a relation whose function is distrusted. */
  static String refusal(Path report) {
    return "An audit found that its function computes other rows than were stored under the same key; see "
        + report
        + ".";
  }

  /** Outcome of a comparison; unknown if the rows need not be the same, or are gone. */
  enum Outcome {
    SAME,
    OTHER,
    UNKNOWN
  }

  /**
   * Compares a unit's entry with its rows; if they differ, the entry is set aside and the function
   * distrusted.
   *
   * @param comparable asked where they differ: whether they really should be the same
   * @param nowAndThen called between rows; may throw to give up
   */
  static Outcome compare(
      DiskStore store,
      RelationSpec spec,
      CacheUnit unit,
      MappedEntry stored,
      Iterator<InternalRow> rows,
      BooleanSupplier comparable,
      Runnable nowAndThen) {
    RowsDigest before =
        new RowsDigest(spec.schema(), EXACT, spec.precision())
            .addAll(stored.rowIterator(), nowAndThen);
    RowsDigest now =
        new RowsDigest(spec.schema(), EXACT, spec.precision()).addAll(rows, nowAndThen);
    if (now.matches(before)) {
      return Outcome.SAME;
    }
    if (!comparable.getAsBoolean()) {
      return Outcome.UNKNOWN;
    }
    List<Entry> wrong = store.find(unit.storeKey()).stream().toList();
    distrust(store, spec, "entry " + unit.key(), before, now, wrong, Set.of());
    return Outcome.OTHER;
  }

  /**
   * Compares two runs; if they gave other rows, the older is set aside and the function distrusted.
   *
   * @param members the entries of the newer run
   * @param inexact columns compared with tolerance, see {@link Repeatability}
   */
  static Outcome compare(
      DiskStore store, RelationSpec spec, EntrySet older, List<Key> members, BitSet inexact) {
    List<Entry> newer = new ArrayList<>();
    for (Key member : members) {
      store.find(member).ifPresent(newer::add);
    }
    if (newer.size() < members.size()) {
      return Outcome.UNKNOWN;
    }
    Optional<RowsDigest> before = digest(store, spec, older.entries(), inexact);
    Optional<RowsDigest> now = digest(store, spec, newer, inexact);
    if (before.isEmpty() || now.isEmpty()) {
      return Outcome.UNKNOWN;
    }
    if (now.get().matches(before.get())) {
      return Outcome.SAME;
    }
    distrust(
        store,
        spec,
        "set " + older.setKey(),
        before.get(),
        now.get(),
        older.entries(),
        Set.copyOf(members));
    return Outcome.OTHER;
  }

  private static Optional<RowsDigest> digest(
      DiskStore store, RelationSpec spec, List<Entry> entries, BitSet inexact) {
    RowsDigest digest = new RowsDigest(spec.schema(), inexact, spec.precision());
    for (Entry entry : entries) {
      MappedEntry mapped = EntryAccess.map(store, spec, entry).orElse(null);
      if (mapped == null) {
        return Optional.empty();
      }
      digest.addAll(mapped.rowIterator(), () -> {});
    }
    return Optional.of(digest);
  }

  /**
   * Nothing that is stored of the function is served again; what was found wrong is set aside for
   * whoever looks into it.
   *
   * @param computed entries of the run that is used now
   */
  private static void distrust(
      DiskStore store,
      RelationSpec spec,
      String what,
      RowsDigest before,
      RowsDigest now,
      List<Entry> wrong,
      Set<Key> computed) {
    String found =
        "%s of %s holds other rows than were computed now: stored %s; computed %s"
            .formatted(what, spec.description(), before, now);
    Path file = store.functions().distrust(spec.relation(), found);
    List<Key> wrongKeys = wrong.stream().map(Entry::key).toList();
    spec.remoteTier().ifPresent(tier -> tier.distrust(spec.relation(), found, wrongKeys));
    wrong.forEach(entry -> store.quarantine(entry, "an audit computed other rows"));
    store.evict(
        entry -> entry.relation().equals(spec.relation()) && !computed.contains(entry.key()));
    log.error(
        "Audit: {}. The computed rows are used, and this function is not cached in {} any more; delete {} to have it cached again.",
        found,
        spec.directory(),
        file);
  }
}
