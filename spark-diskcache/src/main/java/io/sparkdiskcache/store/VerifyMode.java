// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/**
 * When {@link DiskStore#verify} reads a whole entry to compare its checksum; its length is compared
 * always.
 */
@Internal
public enum VerifyMode {
  /** Once per process and file identity. */
  OPEN,
  /** On every call. */
  ALWAYS,
  /** Never. */
  OFF
}
