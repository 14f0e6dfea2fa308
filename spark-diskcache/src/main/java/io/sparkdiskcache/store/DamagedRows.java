// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.sql.SQLException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Removes rows that are not what was written, and has the next open examine the whole index. */
final class DamagedRows implements Rows.DamageListener {
  private final Index index;
  private final Background background;
  private final Trouble trouble;
  private final Set<Object> reported = ConcurrentHashMap.newKeySet();

  DamagedRows(Index index, Background background, Trouble trouble) {
    this.index = index;
    this.background = background;
    this.trouble = trouble;
  }

  @Override
  public void damagedEntry(long id) {
    report(
        id,
        "row " + id + " does not fit its seal",
        session -> {
          Rows.deleteDamaged(session, id);
          return true;
        });
  }

  @Override
  public void damagedSet(Key setKey) {
    report(
        setKey,
        "set " + setKey + " does not fit its seal or its entries",
        session -> {
          SetRows.delete(session, setKey);
          return true;
        });
  }

  /** Once for each row: queries meet it again until it is removed. */
  private void report(Object row, String what, Index.Work<Boolean> removal) {
    if (reported.add(row)) {
      SQLException damage = Rows.corrupt(what);
      index.suspect(damage);
      trouble.report("A row of the index is damaged", damage);
      background.run(
          "Cannot remove a damaged row",
          () -> {
            index.write(removal);
            reported.remove(row);
          });
    }
  }
}
