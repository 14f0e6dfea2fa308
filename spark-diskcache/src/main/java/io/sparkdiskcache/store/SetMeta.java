// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.Map;

/**
 * What is said of a set when it is complete.
 *
 * @param description for people, or empty
 * @param components what the set's key was made of
 */
public record SetMeta(String description, Map<String, String> components) {
  public SetMeta {
    components = Map.copyOf(components);
  }
}
