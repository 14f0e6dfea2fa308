// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Optional;
import org.apache.spark.sql.execution.SparkPlan;
import scala.Option;

/** Recursive queries, which Spark has since 4.1. */
final class RecursiveQueries {
  /** A recursive query in its parts. */
  record Parts(SparkPlan anchor, SparkPlan recursion, Option<?> limit, Option<?> maxDepth) {}

  RecursiveQueries(Encoding encoding) {}

  static boolean isOne(SparkPlan plan) {
    return false;
  }

  Optional<Parts> parts(SparkPlan plan) {
    return Optional.empty();
  }

  Optional<Integer> step(SparkPlan plan) {
    return Optional.empty();
  }
}
