// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The statements on what triggers sum up, and on the list of files that are in no index. */
final class Sums {
  private Sums() {}

  static Totals totals(Session session) throws SQLException {
    return session
        .first(
            "SELECT entries, bytes, unfinished_bytes, (SELECT count(*) FROM sets),"
                + " unindexed_files, unindexed_bytes FROM totals",
            row ->
                new Totals(
                    row.getLong(1),
                    row.getLong(2),
                    row.getLong(3),
                    row.getLong(4),
                    row.getLong(5),
                    row.getLong(6)))
        .orElseThrow(() -> Rows.corrupt("the totals are missing"));
  }

  /**
   * @param files names of entry files and their lengths in bytes
   */
  static void addUnindexed(Session session, Map<String, Long> files) throws SQLException {
    for (Map.Entry<String, Long> file : files.entrySet()) {
      session.update(
          "INSERT INTO unindexed(name, bytes) VALUES (?, ?)", file.getKey(), file.getValue());
    }
  }

  static boolean isUnindexed(Session session, String name) throws SQLException {
    return session.first("SELECT 1 FROM unindexed WHERE name = ?", row -> true, name).isPresent();
  }

  /** Names and lengths, enough to free that many bytes. */
  static Map<String, Long> someUnindexed(Session session, long bytes) throws SQLException {
    Map<String, Long> files = new HashMap<>();
    long[] sum = {0};
    session.forEach(
        "SELECT name, bytes FROM unindexed",
        row -> {
          files.put(row.getString(1), row.getLong(2));
          sum[0] += row.getLong(2);
          return sum[0] < bytes;
        });
    return files;
  }

  /** The name of a file that is in no index, other than these. */
  static Optional<String> oneUnindexed(Session session, Set<String> without) throws SQLException {
    List<String> found = new ArrayList<>();
    session.forEach(
        "SELECT name FROM unindexed",
        row -> {
          String name = row.getString(1);
          if (!without.contains(name)) {
            found.add(name);
          }
          return found.isEmpty();
        });
    return found.stream().findFirst();
  }

  static boolean removeUnindexed(Session session, String name) throws SQLException {
    return session.update("DELETE FROM unindexed WHERE name = ?", name) == 1;
  }

  /** Of what an application has added. */
  static long applicationBytes(Session session, String application) throws SQLException {
    return session
        .first(
            "SELECT coalesce(sum(bytes), 0) FROM application_totals WHERE application = ?",
            row -> row.getLong(1),
            application)
        .orElse(0L);
  }

  static long applicationBytes(Session session, String application, String tag)
      throws SQLException {
    return session
        .first(
            "SELECT bytes FROM application_totals WHERE application = ? AND tag = ?",
            row -> row.getLong(1),
            application,
            tag)
        .orElse(0L);
  }

  /** Of what an application has added to sets that are not finished. */
  static long unfinishedBytes(Session session, String application) throws SQLException {
    return session
        .first(
            "SELECT coalesce(sum(bytes), 0) FROM entries WHERE writer IS NOT NULL AND "
                + IndexSchema.APPLICATION.formatted("application", "application")
                + " = ?",
            row -> row.getLong(1),
            application)
        .orElse(0L);
  }

  static long tagBytes(Session session, String tag) throws SQLException {
    return session
        .first("SELECT bytes FROM tag_totals WHERE tag = ?", row -> row.getLong(1), tag)
        .orElse(0L);
  }
}
