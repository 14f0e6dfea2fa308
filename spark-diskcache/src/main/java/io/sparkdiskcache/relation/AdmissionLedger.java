// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.store.Quantities;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Whether keeping a relation pays: what its partitions took to compute in this process, against
 * what they took to write and will take to read back. Reading is measured where entries are
 * verified and mapped, as time per byte.
 *
 * <p>Nothing is refused on little evidence: below {@link #EVIDENCE} of writing and reading there is
 * nothing to be gained. Run-bound relations are not weighed at all, because the stages below them,
 * which a hit skips, are not measured here.
 */
final class AdmissionLedger {
  static final Duration EVIDENCE = Duration.ofSeconds(2);

  private static final AdmissionLedger PROCESS = new AdmissionLedger();

  private final Map<String, Sums> relations = new HashMap<>();
  private final AtomicLong bytesRead = new AtomicLong();
  private final AtomicLong nanosRead = new AtomicLong();

  private record Sums(long computeNanos, long writeNanos, long bytes) {
    Sums plus(Sums other) {
      return new Sums(
          computeNanos + other.computeNanos, writeNanos + other.writeNanos, bytes + other.bytes);
    }
  }

  static AdmissionLedger process() {
    return PROCESS;
  }

  /** An entry was verified and mapped. */
  void read(long bytes, long nanos) {
    bytesRead.addAndGet(bytes);
    nanosRead.addAndGet(nanos);
  }

  /** Adds a partition that was computed; whether the relation pays now. */
  synchronized boolean computed(String relation, Duration computing, Duration writing, long bytes) {
    return pays(
        relations.merge(
            relation, new Sums(computing.toNanos(), writing.toNanos(), bytes), Sums::plus));
  }

  /** Why a relation is not kept, for people; empty if it is, or nothing is known. */
  synchronized Optional<String> reason(String relation) {
    Sums sums = relations.get(relation);
    if (sums == null || pays(sums)) {
      return Optional.empty();
    }
    long readNanos = readNanos(sums.bytes);
    return Optional.of(
        "Keeping it does not pay: computing took %s, writing %s, and reading it back takes about %s. Set spark.diskcache.admission=always to keep it all the same."
            .formatted(human(sums.computeNanos), human(sums.writeNanos), human(readNanos)));
  }

  /** Also where too little is known. */
  private boolean pays(Sums sums) {
    long keeping = sums.writeNanos + readNanos(sums.bytes);
    return keeping < EVIDENCE.toNanos() || sums.computeNanos >= keeping;
  }

  private long readNanos(long bytes) {
    long read = bytesRead.get();
    return read == 0 ? 0 : (long) ((double) bytes * nanosRead.get() / read);
  }

  private static String human(long nanos) {
    return Quantities.humanDuration(Duration.ofNanos(nanos));
  }
}
