// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.time.Duration;
import java.util.Map;

/**
 * The description of a complete set.
 *
 * @param description for people, or empty
 * @param components what the set's key was made of
 * @param below task time of the stages, broadcast sides and subqueries that ran for the set and
 *     that a hit makes unnecessary; each entry takes its share of it into its computing time
 * @param fill wall time from the execution of the plan to the last partition; zero if unknown
 */
@Internal
public record SetMeta(
    String description, Map<String, String> components, Duration below, Duration fill) {
  public SetMeta {
    components = Map.copyOf(components);
  }

  /** Of a set below which nothing ran that is known. */
  public SetMeta(String description, Map<String, String> components) {
    this(description, components, Duration.ZERO, Duration.ZERO);
  }

  /** The part of one of so many partitions in what ran below: an equal one. */
  public Duration share(int partitions) {
    return partitions == 0 ? Duration.ZERO : below.dividedBy(partitions);
  }
}
