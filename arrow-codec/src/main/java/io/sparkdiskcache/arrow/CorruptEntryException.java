// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The file is not an entry this version wrote, or no longer what was written. */
@Internal
public final class CorruptEntryException extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * @param position in the file (before it was encrypted, if it is) of what is wrong: the first
   *     byte of the part that contradicts itself or another
   */
  CorruptEntryException(Path file, long position, String cause) {
    this(file, position, cause, null);
  }

  CorruptEntryException(Path file, long position, String cause, @Nullable Throwable throwable) {
    super(
        "Cannot read cache entry "
            + file
            + ": at byte "
            + position
            + ", "
            + cause
            + "; delete the file, it will be computed again",
        throwable);
  }
}
