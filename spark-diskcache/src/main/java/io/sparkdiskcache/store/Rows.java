// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.ByteBuffer;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * The statements on entries, and their rows as values; {@link SetRows} has those on sets.
 *
 * <p>SQLite keeps no checksums: a flipped bit in a page can make a well-formed row say something
 * else, or lead from one key to the row of another. Each row therefore carries a seal over its key
 * and over what decides which rows are served. A row whose seal does not fit is passed over as if
 * it were not there, and reported, so that it is removed and cannot get in the way of eviction for
 * ever.
 */
final class Rows {
  private static final Log LOG = Log.of(DiskStore.class);
  static final int KEY_BYTES = 32;
  private static final HexFormat HEX = HexFormat.of();
  private static final String COLUMNS =
      "key, file, relation, generation, partition, row_count, bytes, crc32c, compute_nanos,"
          + " write_nanos, tag, application, description, created_millis, access_millis, hits, seal,"
          + " components_id, reads, data_bytes";
  private static final String SELECT = "SELECT " + COLUMNS + ", id FROM entries ";

  private static final int COMPONENTS_COLUMN = 18;
  private static final int READS_COLUMN = 19;
  private static final int DATA_BYTES_COLUMN = 20;
  private static final int ID_COLUMN = 21;

  private final CacheDirectory directory;
  final DamageListener damage;

  Rows(CacheDirectory directory, DamageListener damage) {
    this.directory = directory;
    this.damage = damage;
  }

  /** Hears of rows that must be removed; called in the middle of a query. */
  interface DamageListener {
    /** For copies that are being made. */
    DamageListener IGNORE =
        new DamageListener() {
          @Override
          public void damagedEntry(long id) {}

          @Override
          public void damagedSet(Key setKey) {}
        };

    void damagedEntry(long id);

    void damagedSet(Key setKey);
  }

  Optional<Entry> byKey(Session session, Key key) throws SQLException {
    List<Entry> found = select(session, "WHERE key = ?", bytes(key));
    return found.stream().filter(entry -> entry.key().equals(key)).findFirst();
  }

  List<Entry> byAge(Session session) throws SQLException {
    return select(session, "ORDER BY created_millis, id");
  }

  /** In partition order. */
  List<Entry> byGeneration(Session session, Key generation) throws SQLException {
    return select(session, "WHERE generation = ? ORDER BY partition", bytes(generation));
  }

  private List<Entry> select(Session session, String clauses, @Nullable Object... arguments)
      throws SQLException {
    List<Entry> entries = new ArrayList<>();
    session.forEach(
        SELECT + clauses,
        row -> {
          entry(row).ifPresent(entries::add);
          return true;
        },
        arguments);
    return entries;
  }

  /**
   * Entries in the order of their rows, a page at a time.
   *
   * @param after the row before the page, 0 at first
   * @return the last row of the page, or that before it if there is none left
   */
  long forEachAfter(Session session, long after, int limit, Consumer<Entry> visitor)
      throws SQLException {
    long[] last = {after};
    session.forEach(
        SELECT + "WHERE id > ? ORDER BY id LIMIT ?",
        row -> {
          last[0] = row.getLong(ID_COLUMN);
          entry(row).ifPresent(visitor);
          return true;
        },
        after,
        limit);
    return last[0];
  }

  /** Left over from sets that were dropped, oldest first. */
  void forEachLeftover(Session session, Victims.Scope scope, EntryVisitor visitor)
      throws SQLException {
    visit(
        session,
        "AS e WHERE "
            + scope.kind().condition()
            + " AND generation IS NOT NULL AND writer IS NULL AND NOT EXISTS"
            + " (SELECT 1 FROM sets AS s WHERE s.generation = e.generation)"
            + " ORDER BY created_millis, id",
        visitor,
        scope.argument());
  }

  /** Entries of their own, which belong to no set. */
  void forEachSingle(Session session, Victims.Scope scope, EntryVisitor visitor)
      throws SQLException {
    visit(
        session,
        "WHERE generation IS NULL AND " + scope.kind().condition() + " ORDER BY id",
        visitor,
        scope.argument());
  }

  List<Entry> createdBefore(Session session, Instant limit) throws SQLException {
    return select(
        session,
        "WHERE created_millis < ? AND writer IS NULL ORDER BY created_millis, id",
        limit.toEpochMilli());
  }

  private void visit(
      Session session, String clauses, EntryVisitor visitor, @Nullable Object... arguments)
      throws SQLException {
    session.forEach(
        SELECT + clauses,
        row -> {
          Optional<Entry> entry = entry(row);
          return entry.isEmpty() || visitor.visit(entry.get());
        },
        arguments);
  }

  /** Takes an entry; false ends the query. */
  interface EntryVisitor {
    boolean visit(Entry entry) throws SQLException;
  }

  /**
   * @param owner the token of the writing process
   */
  void insert(Session session, Entry entry, Map<String, String> components, String owner)
      throws SQLException {
    EntryMeta meta = entry.meta();
    String file = file(entry);
    session.update(
        "INSERT INTO entries("
            + COLUMNS
            + ", writer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        bytes(entry.key()),
        file,
        meta.relation(),
        meta.generation().map(Rows::bytes).orElse(null),
        meta.partition(),
        meta.rows(),
        meta.bytes(),
        meta.crc32c(),
        meta.computeTime().toNanos(),
        meta.writeTime().toNanos(),
        meta.tag(),
        meta.application(),
        meta.description(),
        entry.createdAt().toEpochMilli(),
        entry.lastAccess().toEpochMilli(),
        entry.hits(),
        Seals.ofEntry(entry.key(), file, meta),
        Components.intern(session, components),
        meta.reads().isEmpty() ? null : FileRead.encode(meta.reads()),
        meta.dataBytes(),
        meta.generation().isPresent() ? owner : null);
  }

  /** Removes the row of this very file, not of a later one with the same key. */
  static boolean delete(Session session, Entry entry) throws SQLException {
    return session.update(
            "DELETE FROM entries WHERE key = ? AND file = ?", bytes(entry.key()), file(entry))
        == 1;
  }

  static boolean holds(Session session, CacheDirectory.DataName name) throws SQLException {
    return session
        .first(
            "SELECT 1 FROM entries WHERE key = ? AND file = ?",
            row -> true,
            bytes(name.key()),
            name.file())
        .isPresent();
  }

  Map<String, String> components(Session session, Key key) throws SQLException {
    Optional<Long> id =
        session.first(
            "SELECT components_id FROM entries WHERE key = ?", row -> row.getLong(1), bytes(key));
    return id.isPresent() ? Components.read(session, id.get()) : Map.of();
  }

  /** Oldest first. */
  List<Entry> select(Session session, Selector selector, Instant now) throws SQLException {
    List<Entry> selected = new ArrayList<>();
    Map<Long, Map<String, String>> known = new HashMap<>();
    session.forEach(
        SELECT + "ORDER BY created_millis, id",
        row -> {
          long id = row.getLong(COMPONENTS_COLUMN);
          Optional<Entry> entry = entry(row);
          if (entry.isPresent()) {
            Map<String, String> components = Map.of();
            if (selector.needsComponents()) {
              components = known.get(id);
              if (components == null) {
                components = Components.read(session, id);
                known.put(id, components);
              }
            }
            if (selector.matches(entry.get(), components, now)) {
              selected.add(entry.get());
            }
          }
          return true;
        });
    return selected;
  }

  static void recordAccess(Session session, Key key, long hits, Instant last) throws SQLException {
    session.update(
        "UPDATE entries SET hits = hits + ?, access_millis = max(access_millis, ?) WHERE key = ?",
        hits,
        last.toEpochMilli(),
        bytes(key));
  }

  /** The id of the last entry, or what was given if there is none after it. */
  static long forEachKeyPrefix(Session session, long after, LongConsumer visitor)
      throws SQLException {
    long[] last = {after};
    session.forEach(
        "SELECT id, substr(key, 1, 8) FROM entries WHERE id > ? ORDER BY id",
        row -> {
          last[0] = row.getLong(1);
          visitor.accept(ByteBuffer.wrap(row.getBytes(2)).getLong());
          return true;
        },
        after);
    return last[0];
  }

  /** The row as an entry, or nothing, and a report, if the row is not what was written. */
  private Optional<Entry> entry(ResultSet row) throws SQLException {
    try {
      Key key = key(row.getBytes(1));
      String file = row.getString(2);
      byte[] generation = row.getBytes(4);
      byte[] reads = row.getBytes(READS_COLUMN);
      EntryMeta meta =
          new EntryMeta(
              row.getString(3),
              generation == null ? Optional.empty() : Optional.of(key(generation)),
              row.getInt(5),
              row.getLong(6),
              row.getLong(7),
              row.getLong(8),
              Duration.ofNanos(row.getLong(9)),
              Duration.ofNanos(row.getLong(10)),
              row.getString(11),
              row.getString(12),
              row.getString(13),
              Map.of(),
              reads == null ? List.of() : FileRead.decode(reads),
              row.getLong(DATA_BYTES_COLUMN));
      if (row.getLong(17) == Seals.ofEntry(key, file, meta)) {
        return Optional.of(
            new Entry(
                key,
                directory.dataFile(key, file),
                meta,
                Instant.ofEpochMilli(row.getLong(14)),
                Instant.ofEpochMilli(row.getLong(15)),
                row.getLong(16)));
      }
    } catch (IllegalArgumentException e) {
      LOG.debug("Row {} of the index is out of range", row.getLong(ID_COLUMN), e);
    }
    damage.damagedEntry(row.getLong(ID_COLUMN));
    return Optional.empty();
  }

  /** Removes a row that says nonsense, and with it what it may have done to the totals. */
  static void deleteDamaged(Session session, long id) throws SQLException {
    session.update("DELETE FROM entries WHERE id = ?", id);
    session.update(
        "UPDATE totals SET (entries, bytes, unfinished_bytes) = (SELECT count(*),"
            + " coalesce(sum(bytes), 0), coalesce(sum(iif(writer IS NULL, 0, bytes)), 0)"
            + " FROM entries)");
    session.update("DELETE FROM tag_totals");
    session.update(
        "INSERT INTO tag_totals SELECT tag, sum(bytes) FROM entries WHERE tag <> '' GROUP BY tag");
  }

  private static String file(Entry entry) {
    return CacheDirectory.parseDataName(entry.path())
        .orElseThrow(() -> new IllegalArgumentException("Not an entry of a store: " + entry.path()))
        .file();
  }

  static byte[] bytes(Key key) {
    return HEX.parseHex(key.hex());
  }

  static Key key(byte @Nullable [] bytes) {
    if (bytes == null || bytes.length != KEY_BYTES) {
      throw new IllegalArgumentException("a key has " + KEY_BYTES + " bytes");
    }
    return Key.of(bytes);
  }

  static SQLException corrupt(String what) {
    return new SQLiteException("The index is damaged: " + what, SQLiteErrorCode.SQLITE_CORRUPT);
  }
}
