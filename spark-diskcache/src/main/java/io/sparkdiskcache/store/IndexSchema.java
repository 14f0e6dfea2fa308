// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.sql.SQLException;
import java.util.List;

/** The tables of {@code index.db}, format {@link CacheDirectory#FORMAT}. */
final class IndexSchema {
  /** The application in the text that says who wrote an entry: what is before a slash. */
  static final String APPLICATION = "substr(%s, 1, instr(%s || '/', '/') - 1)";

  private static final String NEW_APPLICATION =
      APPLICATION.formatted("NEW.application", "NEW.application");
  private static final String OLD_APPLICATION =
      APPLICATION.formatted("OLD.application", "OLD.application");

  private IndexSchema() {}

  /**
   * {@code entries.writer} is the owner token that may still complete the entry's generation; null
   * for entries without one, of complete sets, and of sets that were dropped. {@code reads} are
   * files that functions read, see {@link FileRead}; null if they read none. {@code seal} is a
   * checksum over what decides which rows are served, see {@link Rows}.
   */
  private static final List<String> STATEMENTS =
      List.of(
          """
          CREATE TABLE entries(
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL UNIQUE,
            file TEXT NOT NULL,
            relation TEXT NOT NULL,
            generation BLOB,
            partition INTEGER NOT NULL,
            row_count INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            crc32c INTEGER NOT NULL,
            compute_nanos INTEGER NOT NULL,
            write_nanos INTEGER NOT NULL,
            tag TEXT NOT NULL,
            application TEXT NOT NULL,
            description TEXT NOT NULL,
            created_millis INTEGER NOT NULL,
            access_millis INTEGER NOT NULL,
            hits INTEGER NOT NULL,
            writer TEXT,
            components_id INTEGER NOT NULL,
            reads BLOB,
            data_bytes INTEGER NOT NULL,
            seal INTEGER NOT NULL) STRICT""",
          "CREATE INDEX entries_by_age ON entries(created_millis, id)",
          """
          CREATE INDEX entries_by_generation ON entries(generation, partition)
            WHERE generation IS NOT NULL""",
          "CREATE INDEX entries_by_writer ON entries(writer) WHERE writer IS NOT NULL",
          """
          CREATE TABLE component_sets(
            id INTEGER PRIMARY KEY,
            digest BLOB NOT NULL UNIQUE,
            uses INTEGER NOT NULL DEFAULT 0,
            content BLOB NOT NULL) STRICT""",
          """
          CREATE TABLE sets(
            set_key BLOB PRIMARY KEY,
            generation BLOB NOT NULL UNIQUE,
            partitions INTEGER NOT NULL,
            description TEXT NOT NULL,
            created_millis INTEGER NOT NULL,
            components_id INTEGER NOT NULL,
            below_nanos INTEGER NOT NULL,
            fill_nanos INTEGER NOT NULL,
            seal INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
          // Entry files that were there before this index was: see Recovery.
          """
          CREATE TABLE unindexed(
            name TEXT PRIMARY KEY,
            bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
          """
          CREATE TABLE totals(
            id INTEGER PRIMARY KEY CHECK (id = 1),
            entries INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            unfinished_bytes INTEGER NOT NULL DEFAULT 0,
            unindexed_files INTEGER NOT NULL DEFAULT 0,
            unindexed_bytes INTEGER NOT NULL DEFAULT 0) STRICT""",
          "INSERT INTO totals(id) VALUES (1)",
          """
          CREATE TABLE tag_totals(
            tag TEXT PRIMARY KEY,
            bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
          """
          CREATE TABLE application_totals(
            application TEXT NOT NULL,
            tag TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            PRIMARY KEY (application, tag)) STRICT, WITHOUT ROWID""",
          """
          CREATE TRIGGER application_entry_added AFTER INSERT ON entries BEGIN
            INSERT INTO application_totals(application, tag, bytes)
              VALUES (%s, NEW.tag, NEW.bytes)
              ON CONFLICT(application, tag) DO UPDATE SET bytes = bytes + NEW.bytes;
          END"""
              .formatted(NEW_APPLICATION),
          """
          CREATE TRIGGER application_entry_removed AFTER DELETE ON entries BEGIN
            UPDATE application_totals SET bytes = bytes - OLD.bytes
              WHERE application = %s AND tag = OLD.tag;
            DELETE FROM application_totals
              WHERE application = %s AND tag = OLD.tag AND bytes <= 0;
          END"""
              .formatted(OLD_APPLICATION, OLD_APPLICATION),
          """
          CREATE TRIGGER tagged_entry_added AFTER INSERT ON entries WHEN NEW.tag <> '' BEGIN
            INSERT INTO tag_totals(tag, bytes) VALUES (NEW.tag, NEW.bytes)
              ON CONFLICT(tag) DO UPDATE SET bytes = bytes + NEW.bytes;
          END""",
          """
          CREATE TRIGGER tagged_entry_removed AFTER DELETE ON entries WHEN OLD.tag <> '' BEGIN
            UPDATE tag_totals SET bytes = bytes - OLD.bytes WHERE tag = OLD.tag;
            DELETE FROM tag_totals WHERE tag = OLD.tag AND bytes <= 0;
          END""",
          """
          CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
            UPDATE totals SET entries = entries + 1, bytes = bytes + NEW.bytes,
              unfinished_bytes = unfinished_bytes + iif(NEW.writer IS NULL, 0, NEW.bytes);
            UPDATE component_sets SET uses = uses + 1 WHERE id = NEW.components_id;
          END""",
          // A set that lost an entry is none, whoever removed the entry and why.
          """
          CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
            UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.bytes,
              unfinished_bytes = unfinished_bytes - iif(OLD.writer IS NULL, 0, OLD.bytes);
            DELETE FROM sets WHERE generation = OLD.generation;
            UPDATE component_sets SET uses = uses - 1 WHERE id = OLD.components_id;
            DELETE FROM component_sets WHERE id = OLD.components_id AND uses <= 0;
          END""",
          """
          CREATE TRIGGER set_added AFTER INSERT ON sets BEGIN
            UPDATE component_sets SET uses = uses + 1 WHERE id = NEW.components_id;
          END""",
          """
          CREATE TRIGGER set_removed AFTER DELETE ON sets BEGIN
            UPDATE component_sets SET uses = uses - 1 WHERE id = OLD.components_id;
            DELETE FROM component_sets WHERE id = OLD.components_id AND uses <= 0;
          END""",
          """
          CREATE TRIGGER entry_finished AFTER UPDATE OF writer ON entries BEGIN
            UPDATE totals SET unfinished_bytes = unfinished_bytes
              - iif(OLD.writer IS NULL, 0, OLD.bytes) + iif(NEW.writer IS NULL, 0, NEW.bytes);
          END""",
          """
          CREATE TRIGGER unindexed_added AFTER INSERT ON unindexed BEGIN
            UPDATE totals SET unindexed_files = unindexed_files + 1,
              unindexed_bytes = unindexed_bytes + NEW.bytes;
          END""",
          """
          CREATE TRIGGER unindexed_removed AFTER DELETE ON unindexed BEGIN
            UPDATE totals SET unindexed_files = unindexed_files - 1,
              unindexed_bytes = unindexed_bytes - OLD.bytes;
          END""",
          "PRAGMA user_version = " + CacheDirectory.FORMAT);

  /** Inside the caller's transaction. */
  static void create(Session session) throws SQLException {
    for (String statement : STATEMENTS) {
      session.execute(statement);
    }
  }

  /** Whether the file says of its tables what {@link #create} said. */
  static boolean isIntact(Session session) throws SQLException {
    List<String> found =
        session.all(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_'",
            row -> row.getString(1));
    List<String> created = STATEMENTS.stream().filter(sql -> sql.startsWith("CREATE")).toList();
    return found.size() == created.size() && found.containsAll(created);
  }

  /** 0 for a file that holds no index. */
  static int version(Session session) throws SQLException {
    return session.first("PRAGMA user_version", row -> row.getInt(1)).orElse(0);
  }
}
