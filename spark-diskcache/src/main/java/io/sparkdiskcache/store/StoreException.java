// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import org.jspecify.annotations.Nullable;

/** The store could not do what was asked; the caller goes on without the cache. */
@Internal
public class StoreException extends Exception {
  public StoreException(String problem, String reason, String cure) {
    this(problem, reason, cure, null);
  }

  /** Reads "problem: reason. cure." */
  StoreException(String problem, String reason, String cure, @Nullable Throwable cause) {
    super(problem + ": " + reason + ". " + cure + ".", cause);
  }

  /** For a failed file or index operation, whose own message is the reason. */
  static StoreException failed(String problem, Exception cause) {
    return new StoreException(
        problem,
        cause.toString(),
        "The result is computed without the cache; check the disk's space and the directory's"
            + " permissions if this goes on",
        cause);
  }
}
