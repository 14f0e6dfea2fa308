// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.util.List;

/**
 * The results of {@link Maintenance#check}.
 *
 * @param entries checked, and their {@code bytes}
 * @param damaged entries whose file is not what was written
 * @param missing entries without a file
 * @param orphans files without an entry, whose writer is gone
 * @param index what SQLite says of the index; "ok" if it is sound
 * @param fixed whether all of it was put right: damaged files quarantined, rows and orphans removed
 */
@Internal
public record CheckReport(
    long entries,
    long bytes,
    List<Key> damaged,
    List<Key> missing,
    List<String> orphans,
    String index,
    boolean fixed) {

  /** Whether nothing was wrong. */
  public boolean isSound() {
    return damaged.isEmpty() && missing.isEmpty() && orphans.isEmpty() && index.equals("ok");
  }
}
