// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.spark.sql.util.ArrowUtils;

/**
 * The memory that is allocated from Spark's Arrow allocator, which Scala code outside of Spark
 * cannot name.
 */
public final class ArrowMemory {
  private ArrowMemory() {}

  /** Bytes allocated, and children that nobody closed. */
  public static String leaks() {
    BufferAllocator root = ArrowUtils.rootAllocator();
    return root.getAllocatedMemory() == 0 && root.getChildAllocators().isEmpty()
        ? ""
        : root.toVerboseString();
  }
}
