// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Key;

/** Names of objects, also for programs without Hadoop. */
final class RemoteNames {
  /** Changes with the layout. The format of a file is part of its key. */
  static final String LAYOUT = "v1";

  /** Notes of what must not come back, see {@link Erasures}. */
  static final String ERASED = "erased";

  private RemoteNames() {}

  static String entry(Key key) {
    return fanOut(key) + key.hex() + ".arrow";
  }

  static String set(Key setKey) {
    return "sets/" + fanOut(setKey) + setKey.hex() + ".set";
  }

  /** In which entries are whose keys begin alike. */
  static String folder(Key key) {
    return key.hex().substring(0, 2);
  }

  private static String fanOut(Key key) {
    return key.hex().substring(0, 2) + "/" + key.hex().substring(2, 4) + "/";
  }
}
