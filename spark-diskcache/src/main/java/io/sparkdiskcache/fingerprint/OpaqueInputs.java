// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;

/**
 * The identity of inputs that have none of their own: RDDs, JDBC, tables of other libraries.
 *
 * @param version the user's word for the content of all of them together
 * @param analyzed the plan before sources took filters, limits and aggregates out of it
 * @param places tells two inputs of one application apart that look the same
 */
@Internal
public record OpaqueInputs(String version, LogicalPlan analyzed, Places places) {

  /** Remembers for an application which RDDs were meant by a function. */
  @FunctionalInterface
  public interface Places {
    /** Whether the function was first seen, or seen with these RDDs only. */
    boolean claim(String function, String rdds);
  }
}
