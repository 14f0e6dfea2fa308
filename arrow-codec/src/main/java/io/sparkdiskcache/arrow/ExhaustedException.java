// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;

/** There is no memory for a file now. Nothing is wrong with the file. */
final class ExhaustedException extends IOException {
  private static final long serialVersionUID = 1L;

  ExhaustedException(OutOfMemoryError cause) {
    super("there is no memory to read it to: " + cause.getMessage(), cause);
  }

  /**
   * @param bytes that were asked for in all
   */
  ExhaustedException(long bytes) {
    super("Spark grants the task no memory for " + bytes + " bytes");
  }
}
