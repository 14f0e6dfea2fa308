// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.columnar.CachedBatchSerializer;
import org.jspecify.annotations.Nullable;

/** A builder's facts, of which {@code SparkLineBuilder} makes the answers to a line of Spark. */
interface HeldRelation {
  /** The rows of a relation that is loaded. */
  long knownRows();

  /** The bytes of a relation that is loaded. */
  long knownBytes();

  /** The rows as they are held, if they are. */
  @Nullable RDD<CachedBatch> knownBuffers();

  /** The serializer of a copy that is to have {@code serializer}. */
  CachedBatchSerializer serializerOfCopy(CachedBatchSerializer serializer);
}
