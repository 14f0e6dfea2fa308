// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.BlockManagerMaster;
import org.apache.spark.storage.StorageLevel;
import scala.Option;

/**
 * How the driver hears of a block. Spark 4.3 asks for the checksum of the block as well, if there
 * is one.
 */
final class BlockUpdates {
  private BlockUpdates() {}

  /** A block of no size is none to dynamic allocation: it has one byte at least. */
  static void announce(BlockManagerMaster master, BlockManagerId at, BlockId block, long bytes) {
    master.updateBlockInfo(
        at, block, StorageLevel.DISK_ONLY(), 0L, Math.max(1, bytes), Option.empty());
  }
}
