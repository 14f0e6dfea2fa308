// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.Partition;

/** One Spark partition of a cached relation: its units, read one after the other. */
final class CachedPartition implements Partition {
  private final int index;
  private final List<CacheUnit> units;
  private final List<String> preferredHosts;

  CachedPartition(int index, List<CacheUnit> units, List<String> preferredHosts) {
    this.index = index;
    this.units = units;
    this.preferredHosts = preferredHosts;
  }

  /** Partitions of these units, which may be read anywhere. */
  static CachedPartition[] of(List<List<CacheUnit>> units) {
    return IntStream.range(0, units.size())
        .mapToObj(i -> new CachedPartition(i, units.get(i), List.of()))
        .toArray(CachedPartition[]::new);
  }

  @Override
  public int index() {
    return index;
  }

  List<CacheUnit> units() {
    return units;
  }

  /**
   * Where the input lies, for a partition that has to be computed; where its entries were found,
   * for one that cannot be.
   */
  List<String> preferredHosts() {
    return preferredHosts;
  }

  @Override
  public int hashCode() {
    return index;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CachedPartition that && that.index == index;
  }
}
