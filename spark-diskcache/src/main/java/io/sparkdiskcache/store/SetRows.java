// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The statements on sets and their generations, and their rows as values; sealed as {@link Rows}.
 */
final class SetRows {
  private SetRows() {}

  /** Takes a set as a whole. */
  interface SetVisitor {
    void visit(Key generation, EvictionPolicy.Usage usage) throws SQLException;
  }

  /** Complete sets, and what is known of each as a whole. */
  static void forEach(Session session, Victims.Scope scope, SetVisitor visitor)
      throws SQLException {
    session.forEach(
        "SELECT generation, sum(bytes), sum(compute_nanos), min(created_millis),"
            + " max(access_millis), max(hits) FROM entries"
            + " WHERE generation IS NOT NULL AND writer IS NULL AND "
            + scope.kind().condition()
            + " GROUP BY generation",
        row -> {
          byte[] generation = row.getBytes(1);
          if (generation.length == Rows.KEY_BYTES) {
            visitor.visit(
                Rows.key(generation),
                new EvictionPolicy.Usage(
                    row.getLong(2),
                    row.getLong(3),
                    row.getLong(4),
                    row.getLong(5),
                    row.getLong(6)));
          }
          return true;
        },
        scope.argument());
  }

  /** The set if it is whole by the index; whether its files exist is not looked at. */
  static Optional<EntrySet> find(Session session, Rows rows, Key setKey) throws SQLException {
    Optional<SetRow> found =
        session.first(
            "SELECT generation, partitions, description, created_millis, seal, components_id,"
                + " below_nanos, fill_nanos FROM sets"
                + " WHERE set_key = ?",
            row ->
                new SetRow(
                    Rows.key(row.getBytes(1)),
                    row.getInt(2),
                    row.getString(3),
                    Instant.ofEpochMilli(row.getLong(4)),
                    row.getLong(5),
                    row.getLong(6),
                    Duration.ofNanos(row.getLong(7)),
                    Duration.ofNanos(row.getLong(8))),
            Rows.bytes(setKey));
    if (found.isEmpty()) {
      return Optional.empty();
    }
    SetRow set = found.get();
    List<Entry> members = rows.byGeneration(session, set.generation);
    if (set.seal != Seals.ofSet(setKey, set.generation, set.partitions)
        || !isWhole(members, set.generation, set.partitions)) {
      rows.damage.damagedSet(setKey);
      return Optional.empty();
    }
    Map<String, String> components = Components.read(session, set.componentsId);
    SetMeta meta = new SetMeta(set.description, components, set.below, set.fill);
    return Optional.of(new EntrySet(setKey, set.generation, members, meta, set.createdAt));
  }

  private record SetRow(
      Key generation,
      int partitions,
      String description,
      Instant createdAt,
      long seal,
      long componentsId,
      Duration below,
      Duration fill) {}

  /** Whether the entries, in partition order, are 0 to n-1 of that generation. */
  static boolean isWhole(List<Entry> entries, Key generation, int partitions) {
    if (entries.size() != partitions) {
      return false;
    }
    for (int i = 0; i < partitions; i++) {
      Entry entry = entries.get(i);
      if (entry.partition() != i || !entry.generation().equals(Optional.of(generation))) {
        return false;
      }
    }
    return true;
  }

  /** Whether every member is there, of that generation; the entries are in partition order. */
  static boolean hasMembers(List<Entry> entries, List<Integer> members) {
    return entries.stream().map(Entry::partition).toList().containsAll(members);
  }

  static void insert(
      Session session, Key setKey, Key generation, int partitions, SetMeta meta, Instant now)
      throws SQLException {
    session.update(
        "INSERT INTO sets(set_key, generation, partitions, description, created_millis, seal,"
            + " components_id, below_nanos, fill_nanos) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        Rows.bytes(setKey),
        Rows.bytes(generation),
        partitions,
        meta.description(),
        now.toEpochMilli(),
        Seals.ofSet(setKey, generation, partitions),
        Components.intern(session, meta.components()),
        meta.below().toNanos(),
        meta.fill().toNanos());
  }

  /** Adds to the computing time of every entry of a generation its share of what ran below it. */
  static void addToComputing(Session session, Key generation, Duration share) throws SQLException {
    session.update(
        "UPDATE entries SET compute_nanos = compute_nanos + ? WHERE generation = ?",
        share.toNanos(),
        Rows.bytes(generation));
  }

  static Optional<Key> generationOf(Session session, Key setKey) throws SQLException {
    return session.first(
        "SELECT generation FROM sets WHERE set_key = ?",
        row -> Rows.key(row.getBytes(1)),
        Rows.bytes(setKey));
  }

  static boolean isSet(Session session, Key generation) throws SQLException {
    return session
        .first("SELECT 1 FROM sets WHERE generation = ?", row -> true, Rows.bytes(generation))
        .isPresent();
  }

  static void delete(Session session, Key setKey) throws SQLException {
    session.update("DELETE FROM sets WHERE set_key = ?", Rows.bytes(setKey));
  }

  /** From now on the entries of the generation are as evictable as any. */
  static void finish(Session session, Key generation) throws SQLException {
    session.update(
        "UPDATE entries SET writer = NULL WHERE generation = ? AND writer IS NOT NULL",
        Rows.bytes(generation));
  }

  /** Who may still complete each unfinished generation. */
  static Map<Key, List<String>> unfinished(Session session) throws SQLException {
    Map<Key, List<String>> writers = new HashMap<>();
    session.forEach(
        "SELECT DISTINCT generation, writer FROM entries WHERE writer IS NOT NULL",
        row -> {
          writers
              .computeIfAbsent(Rows.key(row.getBytes(1)), k -> new ArrayList<>())
              .add(row.getString(2));
          return true;
        });
    return writers;
  }
}
