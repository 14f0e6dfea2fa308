// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/** The right to compute an entry while other processes wait, until closed. */
@Internal
public interface Lease extends AutoCloseable {
  @Override
  void close();
}
