// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.NamedExpression$;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.jspecify.annotations.Nullable;
import scala.collection.immutable.Nil$;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Writes and reads whole entries, through both of the serializer's paths. */
final class Entries {
  private Entries() {}

  /** Writes the rows and checks that all memory came back. */
  static EntrySummary write(
      Path file, StructType schema, List<InternalRow> rows, EncodeOptions options)
      throws IOException {
    return write(file, schema, rows, options, null);
  }

  /** The same, encrypted unless {@code encryption} is null. */
  static EntrySummary write(
      Path file,
      StructType schema,
      List<InternalRow> rows,
      EncodeOptions options,
      @Nullable EntryEncryption encryption)
      throws IOException {
    try (BufferAllocator root = new RootAllocator()) {
      EntrySummary summary;
      try (EntryWriter writer =
          EntryWriter.create(
              file, schema, Map.of("k", "v"), root, AllocationListener.NOOP, options, encryption)) {
        for (InternalRow row : rows) {
          writer.write(row);
        }
        summary = writer.finish();
      }
      assertThat(root.getAllocatedMemory()).as("memory not returned").isZero();
      return summary;
    }
  }

  static List<Attribute> attributes(StructType schema) {
    List<Attribute> attributes = new ArrayList<>();
    for (StructField field : schema.fields()) {
      attributes.add(
          new AttributeReference(
              field.name(),
              field.dataType(),
              field.nullable(),
              field.metadata(),
              NamedExpression$.MODULE$.newExprId(),
              noQualifier()));
    }
    return attributes;
  }

  @SuppressWarnings("unchecked")
  private static Seq<String> noQualifier() {
    return (Seq<String>) (Seq<?>) Nil$.MODULE$;
  }

  static <T> Seq<T> seq(List<T> list) {
    return CollectionConverters.asScala(list).toSeq();
  }

  static List<CachedBatch> batches(MappedEntry entry) {
    List<CachedBatch> batches = new ArrayList<>();
    for (int i = 0; i < entry.batchCount(); i++) {
      batches.add(entry.batch(i));
    }
    return batches;
  }

  static ArrowCachedBatchSerializer.Selection selectAll(StructType schema) {
    Seq<Attribute> all = seq(attributes(schema));
    return ArrowCachedBatchSerializer.Selection.of(all, all);
  }

  /** Every row through vectors, then every row through unsafe rows, against the expected ones. */
  static void assertHolds(MappedEntry entry, StructType schema, List<InternalRow> expected) {
    ArrowCachedBatchSerializer.Selection selection = selectAll(schema);
    StructType stored = ColumnLayout.storageSchema(schema);
    Iterator<ColumnarBatch> columnar = selection.columnar(batches(entry).iterator());
    int at = 0;
    while (columnar.hasNext()) {
      ColumnarBatch batch = columnar.next();
      for (int i = 0; i < batch.numRows(); i++) {
        Values.assertSameRow(stored, batch.getRow(i), expected.get(at), "vector row " + at);
        at++;
      }
      for (int c = 0; c < batch.numCols(); c++) {
        assertNullsCounted(batch, c);
      }
      batch.close();
    }
    assertThat(at).as("rows through vectors").isEqualTo(expected.size());
    Iterator<InternalRow> rows = selection.rows(batches(entry).iterator());
    at = 0;
    while (rows.hasNext()) {
      Values.assertSameRow(stored, rows.next(), expected.get(at), "row " + at);
      at++;
    }
    assertThat(at).as("rows through rows").isEqualTo(expected.size());
    assertThat(entry.rows()).as("rows announced").isEqualTo(expected.size());
  }

  private static void assertNullsCounted(ColumnarBatch batch, int column) {
    int nulls = 0;
    for (int i = 0; i < batch.numRows(); i++) {
      nulls += batch.column(column).isNullAt(i) ? 1 : 0;
    }
    assertThat(batch.column(column).numNulls()).as("nulls of column %s", column).isEqualTo(nulls);
    assertThat(batch.column(column).hasNull()).as("hasNull of %s", column).isEqualTo(nulls > 0);
  }

  /** As the kernel says; asked some times, for a list that changes while it is read has gaps. */
  static boolean isMapped(Path file) throws IOException {
    for (int i = 0; i < 5; i++) {
      if (Files.readString(Path.of("/proc/self/maps")).contains(file.toString())) {
        return true;
      }
    }
    return false;
  }

  /** Has garbage collected until something is gone that nothing refers to any more. */
  static void awaitCollected(String what, Callable<Boolean> gone) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (!gone.call()) {
      assertThat(System.nanoTime()).as(what + " is still there").isLessThan(deadline);
      System.gc();
    }
  }
}
