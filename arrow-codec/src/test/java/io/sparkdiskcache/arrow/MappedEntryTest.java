// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Output;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ArrowColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MappedEntryTest {
  private static final StructType SCHEMA =
      new StructType().add("a", DataTypes.LongType).add("s", DataTypes.StringType);

  @TempDir private Path dir;
  private Path file;
  private List<InternalRow> rows;

  @BeforeEach
  void writeEntry() throws IOException {
    file = dir.resolve("entry.arrow");
    rows = new RandomData(3).rows(SCHEMA, 100, 0.2);
    Entries.write(file, SCHEMA, rows, new EncodeOptions(30, 1 << 20));
  }

  @Test
  void theMappingLivesAsLongAsAVectorOfIt() throws Exception {
    lastVectorIsRead();
    Entries.awaitCollected("the mapping", () -> !isMapped());
  }

  private void lastVectorIsRead() throws Exception {
    WeakReference<MappedEntry> entry = new WeakReference<>(MappedEntry.open(file));
    Files.delete(file);
    MappedColumn column = vector();
    Entries.awaitCollected("an entry that nothing refers to", () -> entry.get() == null);
    try {
      for (int i = 0; i < 30; i++) {
        assertThat(column.isNullAt(i)).isEqualTo(rows.get(i).isNullAt(0));
        if (!column.isNullAt(i)) {
          assertThat(column.getLong(i)).isEqualTo(rows.get(i).getLong(0));
        }
      }
      assertThat(isMapped()).as("mapped while a vector is left").isTrue();
    } finally {
      Reference.reachabilityFence(column);
    }
  }

  private MappedColumn vector() throws IOException {
    Entries.write(file, SCHEMA, rows, new EncodeOptions(30, 1 << 20));
    return MappedEntry.open(file).batch(0).column(0);
  }

  @Test
  void theMappingLivesAsLongAsABufferOfArrow() throws Exception {
    ArrowBuf buffer = buffer();
    try {
      WeakReference<Object> unrelated = new WeakReference<>(new Object());
      Entries.awaitCollected("an object", () -> unrelated.get() == null);
      assertThat(isMapped()).as("mapped while a slice of a buffer is left").isTrue();
      for (int i = 0; i < 30; i++) {
        if (!rows.get(i).isNullAt(0)) {
          assertThat(buffer.getLong(i * (long) Long.BYTES)).isEqualTo(rows.get(i).getLong(0));
        }
      }
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  private ArrowBuf buffer() throws IOException {
    ColumnarBatch batch =
        Entries.selectAll(SCHEMA)
            .columnar(Entries.batches(MappedEntry.open(file)).iterator())
            .next();
    int[] first = {0};
    ColumnarBatch views = ArrowViews.of(batch, first, copied -> assertThat(copied).isFalse());
    ArrowColumnVector column = (ArrowColumnVector) views.column(0);
    return column.getValueVector().getDataBuffer().slice(0, 30L * Long.BYTES);
  }

  @Test
  void aCorruptEntryIsUnmappedAgain() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    // The prefix of the first message lies behind the padded magic and the schema.
    for (int i = 8; i + 8 < bytes.length; i += 8) {
      bytes[i] ^= 0x10;
    }
    Files.write(file, bytes);
    assertThatThrownBy(() -> MappedEntry.open(file)).isInstanceOf(CorruptEntryException.class);
    assertThat(isMapped()).isFalse();
  }

  @Test
  void anEntryIsForAnyNumberOfThreads() throws Exception {
    MappedEntry entry = MappedEntry.open(file);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<Void>> tasks = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Callable<Void> task =
          () -> {
            for (int i = 0; i < 20; i++) {
              Entries.assertHolds(entry, SCHEMA, rows);
            }
            return null;
          };
      tasks.add(threads.submit(task));
    }
    for (Future<Void> task : tasks) {
      task.get();
    }
    threads.shutdown();
  }

  @Test
  void anUnlinkedFileStaysReadable() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    Files.delete(file);
    Entries.assertHolds(entry, SCHEMA, rows);
    assertThatThrownBy(() -> MappedEntry.open(file)).isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void aBatchIsNotSerializable() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    ArrowCachedBatch batch = entry.batch(0);
    try (ObjectOutputStream out = new ObjectOutputStream(new ByteArrayOutputStream())) {
      assertThatThrownBy(() -> out.writeObject(batch))
          .isInstanceOf(NotSerializableException.class)
          .hasMessageContaining("place in memory");
    }
    Kryo kryo = new Kryo();
    kryo.setRegistrationRequired(false);
    assertThatThrownBy(() -> kryo.writeClassAndObject(new Output(64, -1), batch))
        .hasMessageContaining("place in memory");
  }

  @Test
  void columnsAreSelectedByIdAndInOrder() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    List<Attribute> columns = Entries.attributes(SCHEMA);
    ArrowCachedBatchSerializer.Selection swapped =
        ArrowCachedBatchSerializer.Selection.of(
            Entries.seq(columns), Entries.seq(List.of(columns.get(1), columns.get(0))));
    ColumnarBatch batch = swapped.columnar(Entries.batches(entry).iterator()).next();
    assertThat(batch.column(0)).isInstanceOf(StringColumn.class);
    assertThat(batch.column(1)).isInstanceOf(LongColumn.class);
    assertThatThrownBy(
            () ->
                ArrowCachedBatchSerializer.Selection.of(
                    Entries.seq(columns), Entries.seq(Entries.attributes(SCHEMA))))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void noSelectedColumnsStillCountRows() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    ArrowCachedBatchSerializer.Selection none =
        ArrowCachedBatchSerializer.Selection.of(
            Entries.seq(Entries.attributes(SCHEMA)), Entries.seq(List.of()));
    int count = 0;
    var read = none.rows(Entries.batches(entry).iterator());
    while (read.hasNext()) {
      assertThat(read.next().numFields()).isZero();
      count++;
    }
    assertThat(count).isEqualTo(rows.size());
  }

  @Test
  void anEntryOfAnotherSchemaIsNotRead() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    StructType other = new StructType().add("a", DataTypes.LongType).add("s", DataTypes.BinaryType);
    assertThatThrownBy(
            () -> Entries.selectAll(other).columnar(Entries.batches(entry).iterator()).next())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(file.toString());
  }

  private boolean isMapped() throws IOException {
    return Entries.isMapped(file);
  }
}
