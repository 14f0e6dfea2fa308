// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import io.sparkdiskcache.annotation.Internal;

/** The entries that the SQL functions of a session may list and evict. */
@Internal
public enum SqlFunctions {
  /** Those that the session wrote; all in the session that the driver's program began with. */
  OWN,
  /** Everything, in every session. */
  ALL,
  /** Nothing: they fail. */
  OFF
}
