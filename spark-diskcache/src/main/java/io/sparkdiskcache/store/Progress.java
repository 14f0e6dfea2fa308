// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/** Hears how far long work has come. */
@Internal
public interface Progress {
  /** Nobody listens. */
  Progress NONE = (done, total) -> {};

  /**
   * Called after every file.
   *
   * @param done and {@code total} in bytes
   */
  void at(long done, long total);
}
