// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Predicate;

/**
 * One walk over the candidates for eviction. Keeps those worth least in a heap that never holds
 * more than is needed, so that the memory it takes depends on what is to be freed and not on the
 * size of the cache.
 */
final class Victims {
  /** Single entries and sets to choose from, as conditions of SQL with one argument. */
  enum Kind {
    ALL("?1 = ''"),
    TAG("tag = ?1"),
    APPLICATION("?1 = " + IndexSchema.APPLICATION.formatted("application", "application")),
    APPLICATION_TAG(
        "?1 = "
            + IndexSchema.APPLICATION.formatted("application", "application")
            + " || char(10) || tag");

    private final String condition;

    Kind(String condition) {
      this.condition = condition;
    }

    String condition() {
      return condition;
    }
  }

  record Scope(Kind kind, String argument) {}

  private record Candidate(EvictionPolicy.Usage usage, List<Entry> entries) {}

  private final long wanted;
  private final Predicate<Entry> free;
  private final PriorityQueue<Candidate> keptLast; // the most valuable on top
  private final Comparator<Candidate> worth;
  private long held;

  /**
   * @param wanted bytes to free
   * @param recentMillis what was used since then goes last
   * @param free whether an entry may go at all
   */
  Victims(
      long wanted,
      long recentMillis,
      Comparator<EvictionPolicy.Usage> policy,
      Predicate<Entry> free) {
    this.wanted = wanted;
    this.free = free;
    this.worth =
        Comparator.<Candidate, Boolean>comparing(c -> c.usage.accessMillis() > recentMillis)
            .thenComparing(Candidate::usage, policy);
    this.keptLast = new PriorityQueue<>(Collections.reverseOrder(worth));
  }

  static Scope ofAll() {
    return new Scope(Kind.ALL, "");
  }

  static Scope ofTag(String tag) {
    return new Scope(Kind.TAG, tag);
  }

  /** The entries that an application has added. */
  static Scope ofApplication(String application) {
    return new Scope(Kind.APPLICATION, application);
  }

  static Scope ofApplication(String application, String tag) {
    return new Scope(Kind.APPLICATION_TAG, application + '\n' + tag);
  }

  /** Those to remove, in order; fewer bytes than wanted if there is nothing else. */
  List<Entry> choose(Session session, Rows rows, Scope scope) throws SQLException {
    List<Entry> chosen = new ArrayList<>();
    rows.forEachLeftover(
        session,
        scope,
        entry -> {
          if (free.test(entry)) {
            chosen.add(entry);
            held += entry.bytes();
          }
          return held < wanted;
        });
    if (held < wanted) {
      rows.forEachSingle(
          session,
          scope,
          entry -> {
            consider(usage(entry), List.of(entry));
            return true;
          });
      SetRows.forEach(
          session,
          scope,
          (generation, usage) -> {
            if (isWanted(usage)) {
              consider(usage, rows.byGeneration(session, generation));
            }
          });
    }
    List<Candidate> candidates = new ArrayList<>(keptLast);
    candidates.sort(worth);
    candidates.forEach(candidate -> chosen.addAll(candidate.entries));
    return chosen;
  }

  private static EvictionPolicy.Usage usage(Entry entry) {
    return new EvictionPolicy.Usage(
        entry.bytes(),
        entry.meta().computeTime().toNanos(),
        entry.createdAt().toEpochMilli(),
        entry.lastAccess().toEpochMilli(),
        entry.hits());
  }

  /** Whether it would be chosen, as far as is known by now. */
  private boolean isWanted(EvictionPolicy.Usage usage) {
    Candidate top = keptLast.peek();
    return held < wanted
        || (top != null && worth.compare(new Candidate(usage, List.of()), top) < 0);
  }

  private void consider(EvictionPolicy.Usage usage, List<Entry> entries) {
    if (!isWanted(usage) || !entries.stream().allMatch(free)) {
      return;
    }
    keptLast.add(new Candidate(usage, entries));
    held += usage.bytes();
    Candidate top = keptLast.peek();
    while (top != null && held - top.usage.bytes() >= wanted) {
      keptLast.remove();
      held -= top.usage.bytes();
      top = keptLast.peek();
    }
  }
}
