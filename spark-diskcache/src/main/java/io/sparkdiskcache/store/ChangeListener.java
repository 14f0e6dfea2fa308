// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/** Told of entries that a process adds and removes; called by many threads, must be quick. */
@Internal
public interface ChangeListener {
  /** An entry was published. */
  void added(Key key);

  /** An entry is gone, or about to go. */
  void removed(Key key);
}
