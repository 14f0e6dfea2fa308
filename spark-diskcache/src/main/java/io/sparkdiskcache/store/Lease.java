// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

/** The right to compute an entry while other processes wait, until closed. */
public interface Lease extends AutoCloseable {
  @Override
  void close();
}
