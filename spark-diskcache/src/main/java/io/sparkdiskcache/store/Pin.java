// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/**
 * Keeps this process from evicting an entry for room until closed. Requests and other processes
 * evict it all the same; a file that is open or mapped stays readable.
 */
@Internal
public interface Pin extends AutoCloseable {
  Entry entry();

  /** Idempotent. */
  @Override
  void close();
}
