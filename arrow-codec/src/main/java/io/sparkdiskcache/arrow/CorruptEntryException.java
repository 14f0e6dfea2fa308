// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The file is not an entry this version wrote, or no longer what was written. */
public final class CorruptEntryException extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  CorruptEntryException(Path file, String cause) {
    this(file, cause, null);
  }

  CorruptEntryException(Path file, String cause, @Nullable Throwable throwable) {
    super(
        "Cannot read cache entry "
            + file
            + ": "
            + cause
            + "; delete the file, it will be computed again",
        throwable);
  }
}
