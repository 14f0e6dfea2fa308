// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;

/** How much of a plan's output one piece of its input determines, and so has one key. */
@Internal
public enum PlanClass {
  /**
   * The output of a list of file chunks is the outputs of the chunks, one after the other. A unit
   * is one {@link FileChunk}; units of different runs may be mixed freely.
   */
  ROW_LOCAL,
  /**
   * No row leaves its partition. A unit is one Spark partition, known by its index and the ordered
   * chunks it reads; units of different runs may be mixed.
   */
  PARTITION_LOCAL,
  /**
   * Rows cross partitions, in an order that differs from run to run. The whole output of one run is
   * used, or nothing.
   */
  RUN_BOUND
}
