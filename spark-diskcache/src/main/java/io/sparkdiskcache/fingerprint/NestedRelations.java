// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.util.Optional;
import org.apache.spark.sql.execution.columnar.InMemoryRelation;

/** Knows the keys of cached relations that a plan reads. */
@Internal
@FunctionalInterface
public interface NestedRelations {

  /** The key of all rows of {@code relation}, or empty: then the plan above it is refused. */
  Optional<byte[]> key(InMemoryRelation relation);
}
