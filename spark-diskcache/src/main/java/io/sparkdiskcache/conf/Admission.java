// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

/** Which results are kept. */
public enum Admission {
  /** Those that take longer to compute than to write and read back, by what was measured. */
  MEASURED,
  /** All. */
  ALWAYS
}
