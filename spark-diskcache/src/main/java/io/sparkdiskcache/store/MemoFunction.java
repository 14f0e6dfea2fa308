// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;

/**
 * A memoised function as people name it.
 *
 * @param digest hexadecimal hash of its code and of the values it captured
 * @param name the given name
 * @param version the user's version; empty if there is none
 * @param tag labels, separated by commas; empty if there are none
 * @param code the methods of the user that it reaches, one a line
 */
public record MemoFunction(String digest, String name, String version, String tag, String code)
    implements Serializable {
  private static final String SEPARATOR = ",";

  /**
   * Labels as {@code tag} has them: each once, in order.
   *
   * @param text one, or several separated by commas
   */
  public static String joinedTags(String text) {
    return String.join(
        SEPARATOR,
        new TreeSet<>(
            Arrays.stream(text.split(SEPARATOR))
                .map(String::strip)
                .filter(t -> !t.isEmpty())
                .toList()));
  }

  List<String> tags() {
    return List.of(tag.split(SEPARATOR));
  }
}
