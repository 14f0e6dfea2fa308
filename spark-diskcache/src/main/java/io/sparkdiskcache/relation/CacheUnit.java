// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.store.Key;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.Partition;
import org.jspecify.annotations.Nullable;

/**
 * The content of one entry and how to compute it: a file chunk of a row-local plan, or one
 * partition of any other.
 *
 * @param key name of the entry; random where {@code publish} is false
 * @param split what to hand to the parent RDD; null in a detached relation, which has no parent
 * @param inputs the files whose change between opening and draining forbids publishing
 * @param publish whether later applications may find the entry
 * @param audit whether an entry that was found is to be compared with what the unit computes
 */
record CacheUnit(
    String key, @Nullable Partition split, List<InputFile> inputs, boolean publish, boolean audit)
    implements Serializable {

  CacheUnit(String key, @Nullable Partition split, List<InputFile> inputs, boolean publish) {
    this(key, split, inputs, publish, false);
  }

  CacheUnit audited() {
    return new CacheUnit(key, split, inputs, publish, true);
  }

  /** The same unit, held for its relation only. */
  CacheUnit withoutName() {
    return new CacheUnit(key, split, inputs, false);
  }

  /** The units of a partition in a detached relation. */
  static List<CacheUnit> parentless(List<CacheUnit> units) {
    return units.stream().map(u -> new CacheUnit(u.key, null, u.inputs, true)).toList();
  }

  Key storeKey() {
    return new Key(key);
  }
}
