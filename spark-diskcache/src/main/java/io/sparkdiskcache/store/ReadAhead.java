// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Takes the whole index into the {@link Front}, on the store's own thread, once a process is seen
 * to look up much of it: a query for one key takes several times as long as a row of many. Most
 * processes look up a few relations of many, and read nothing ahead.
 */
final class ReadAhead {
  private static final String PROBLEM = "Cannot read the index ahead";
  private static final int MIN_LOOKUPS = 256;

  /** The part of all entries, one in so many, that the index has told one by one. */
  private static final int SHARE = 16;

  private static final int PAGE = 1000;

  private final Index index;
  private final Rows rows;
  private final Front front;
  private final Background background;
  private final AtomicLong lookups = new AtomicLong();
  private boolean reading; // by the background thread only

  ReadAhead(Index index, Rows rows, Front front, Background background) {
    this.index = index;
    this.rows = rows;
    this.front = front;
    this.background = background;
  }

  /** The index has told of an entry that the front did not know. */
  void indexAnswered() {
    long count = lookups.incrementAndGet();
    if (count >= MIN_LOOKUPS && Long.bitCount(count) == 1) {
      background.run(PROBLEM, this::begin);
    }
  }

  private void begin() throws SQLException {
    if (!reading
        && !front.isFull()
        && index.read(Sums::totals).entries() <= lookups.get() * SHARE) {
      page(0);
    }
  }

  /** Entries that are published or removed meanwhile are left to lookups. */
  private void page(long after) throws SQLException {
    reading = false; // if this fails
    long ticket = front.ticket();
    long last =
        index.read(
            session -> rows.forEachAfter(session, after, PAGE, entry -> front.put(entry, ticket)));
    reading = last > after && !front.isFull();
    if (reading) {
      background.run(PROBLEM, () -> page(last));
    } else {
      lookups.set(0);
    }
  }
}
