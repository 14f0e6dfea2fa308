// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import io.sparkdiskcache.annotation.Internal;

/** Which results are kept. */
@Internal
public enum Admission {
  /** Those that take longer to compute than to write and read back, by what was measured. */
  MEASURED,
  /** All. */
  ALWAYS
}
