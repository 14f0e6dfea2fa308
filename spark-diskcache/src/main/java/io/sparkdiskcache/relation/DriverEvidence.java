// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.FileRead;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The reports about functions that tasks below an exchange, of broadcast sides and of subqueries
 * send to the driver, by the digest of the function. A relation asks for what was reported since it
 * began to be computed: another relation with the same function, computed at the same time, is not
 * told apart, which costs a hit at most.
 */
@Internal
public final class DriverEvidence {
  private static final DriverEvidence PROCESS = new DriverEvidence();

  /** Functions remembered, the one that reported last at the end. */
  private static final int MAX_FUNCTIONS = 4096;

  private static final int MAX_FACTS = 1024;

  private final Map<String, Map<Object, Long>> facts =
      new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Map<Object, Long>> eldest) {
          return size() > MAX_FUNCTIONS;
        }
      };

  private long clock;

  private enum Step {
    STARTED,
    PROVEN
  }

  private DriverEvidence() {}

  /** That of this driver. */
  public static DriverEvidence process() {
    return PROCESS;
  }

  /** To be remembered before a relation is computed. */
  synchronized long mark() {
    return ++clock;
  }

  /** A file was read by a function. */
  public void read(String digest, FileRead file) {
    add(digest, file);
  }

  /** A task ran something else, or did what it must not; see {@link Evidence}. */
  public void object(String digest, Objection objection) {
    add(digest, objection);
  }

  /** A task is about to run the function, or has: from now on its proof is demanded. */
  public void started(String digest) {
    add(digest, Step.STARTED);
  }

  /**
   * Every task that has run the function has proven it; to be told before the task counts as done.
   */
  public void proven(String digest) {
    add(digest, Step.PROVEN);
  }

  private synchronized void add(String digest, Object fact) {
    Map<Object, Long> known = facts.computeIfAbsent(digest, d -> new LinkedHashMap<>());
    if (known.size() < MAX_FACTS || known.containsKey(fact)) {
      known.put(fact, ++clock);
    } else {
      known.put(
          new Objection(
              Objection.Reason.FILE, "function " + digest, "it reads too many different files"),
          ++clock);
    }
  }

  /** Reports about functions since a {@link #mark}. */
  synchronized Findings since(long mark, Collection<String> digests) {
    if (digests.isEmpty()) {
      return Findings.NONE;
    }
    Evidence evidence = new Evidence();
    for (String digest : digests) {
      Set<FileRead> reads = new LinkedHashSet<>();
      Set<Objection> objections = new LinkedHashSet<>();
      facts
          .getOrDefault(digest, Map.of())
          .forEach(
              (fact, at) -> {
                if (at <= mark) {
                  return;
                }
                if (fact instanceof FileRead read) {
                  reads.add(read);
                } else if (fact instanceof Objection objection) {
                  objections.add(objection);
                } else if (fact == Step.STARTED) {
                  evidence.started(digest);
                } else {
                  evidence.proven(digest);
                }
              });
      evidence.include(new Findings(List.copyOf(reads), List.copyOf(objections)));
    }
    return evidence.findings(Set.of());
  }
}
