// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.Refusal;

/** Whether a cached relation is ours. */
sealed interface Decision {

  /** Kept on the SSD by this builder. */
  record Kept(DiskCachedRelationBuilder builder) implements Decision {}

  /** Left to Spark. */
  record LeftToSpark(Refusal refusal) implements Decision {}
}
