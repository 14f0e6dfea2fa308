// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.util.Map;

/**
 * The description of a complete set.
 *
 * @param description for people, or empty
 * @param components what the set's key was made of
 */
@Internal
public record SetMeta(String description, Map<String, String> components) {
  public SetMeta {
    components = Map.copyOf(components);
  }
}
