// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

/**
 * Keeps the file of an entry where it is until closed: no eviction by this process deletes it.
 * Other processes do not see it; a file that is already open or mapped survives them as well.
 */
public interface Pin extends AutoCloseable {
  Entry entry();

  /** Idempotent. */
  @Override
  void close();
}
