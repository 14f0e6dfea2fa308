// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The data that was to be stored does not fit: below a limit, or on the disk. */
@Internal
public class NoRoomException extends StoreException {
  /** The words of operating systems for a full disk and a used-up quota. */
  private static final String[] FULL = {"no space left", "quota exceeded", "not enough space"};

  NoRoomException(String problem, String reason, String cure) {
    super(problem, reason, cure);
  }

  /** Whether the lack of room is what made it fail. */
  public static boolean isCauseOf(@Nullable Throwable failure) {
    for (Throwable of = failure; of != null; of = of.getCause()) {
      String message = String.valueOf(of.getMessage()).toLowerCase(Locale.ROOT);
      if (of instanceof NoRoomException) {
        return true;
      }
      for (String full : FULL) {
        if (of instanceof java.io.IOException && message.contains(full)) {
          return true;
        }
      }
    }
    return false;
  }
}
