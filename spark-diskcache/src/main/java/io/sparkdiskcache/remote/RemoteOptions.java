// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;

/**
 * Where the copies are. Serializable, because executors use what the driver was told.
 *
 * @param directory URI of a directory, or empty for no remote tier
 * @param flush how long the end of an application waits for what is still to be written
 */
@Internal
public record RemoteOptions(String directory, Duration flush) implements Serializable {

  /** Whether there is a remote tier. */
  public boolean isSet() {
    return !directory.isEmpty();
  }

  /**
   * A directory as a user writes it, without a slash at its end.
   *
   * @throws IllegalArgumentException if it is not a URI with a scheme and an absolute path
   */
  public static String parseDirectory(String text) {
    if (text.isEmpty()) {
      return text;
    }
    try {
      URI uri = new URI(text);
      if (uri.getScheme() == null || uri.getPath() == null || !uri.getPath().startsWith("/")) {
        throw new IllegalArgumentException(text);
      }
      return text.replaceAll("/+$", "");
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(text, e);
    }
  }
}
