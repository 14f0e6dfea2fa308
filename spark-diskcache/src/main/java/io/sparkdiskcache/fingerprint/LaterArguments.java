// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.execution.SparkPlan;
import scala.Product;

/**
 * Arguments of nodes that a later line of Spark has added, by their names, where a plan that has
 * one set is not to be read as one without. The nodes are on the allow-list for what they are on
 * every line.
 */
final class LaterArguments {
  private static final String SINGLE_TASK =
      "Spark plans it in a single task, so that what is above it may do without an exchange; set"
          + " spark.sql.optimizer.singleTaskExecution.enabled=false to have the result cached";

  /** Since Spark 4.3. */
  private static final Map<String, String> REFUSED =
      Map.of(
          "useSingleTask", SINGLE_TASK,
          "markedForSingleTaskExecution", SINGLE_TASK);

  private LaterArguments() {}

  /** Why the node itself is refused; its children are not looked at. */
  static Optional<String> refusal(SparkPlan plan) {
    Product product = (Product) plan;
    for (int i = 0; i < product.productArity(); i++) {
      String reason = REFUSED.get(product.productElementName(i));
      Object value = product.productElement(i);
      if (reason != null && Boolean.TRUE.equals(value)) {
        return Optional.of(reason);
      }
    }
    return Optional.empty();
  }
}
