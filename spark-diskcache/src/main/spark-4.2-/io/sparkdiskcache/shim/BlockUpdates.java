// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.BlockManagerMaster;
import org.apache.spark.storage.StorageLevel;

/** How the driver hears of a block. Up to Spark 4.2. */
final class BlockUpdates {
  private BlockUpdates() {}

  /** A block of no size is none to dynamic allocation: it has one byte at least. */
  static void announce(BlockManagerMaster master, BlockManagerId at, BlockId block, long bytes) {
    master.updateBlockInfo(at, block, StorageLevel.DISK_ONLY(), 0L, Math.max(1, bytes));
  }
}
