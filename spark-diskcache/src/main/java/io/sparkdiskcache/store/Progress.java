// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

/** Hears how far long work has come. */
public interface Progress {
  /** Nobody listens. */
  Progress NONE = (done, total) -> {};

  /** Says how many bytes are done, and how many there are in all. */
  void at(long done, long total);
}
