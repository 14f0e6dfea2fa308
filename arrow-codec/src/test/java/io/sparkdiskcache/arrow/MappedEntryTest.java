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
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
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
  void theLastReleaseUnmaps() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    assertThat(isMapped()).as("mapped after open").isTrue();
    assertThat(entry.retain()).as("retain while held").isTrue();
    entry.release();
    assertThat(isMapped()).as("mapped while one reference is left").isTrue();
    entry.release();
    assertThat(isMapped()).as("mapped after the last release").isFalse();
    assertThat(entry.retain()).as("retain after the last release").isFalse();
    assertThatThrownBy(entry::release).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(entry::crc32c).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> entry.batch(0).column(0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aCorruptEntryIsUnmappedAgain() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    MappedEntry entry = MappedEntry.open(file);
    entry.release();
    // The prefix of the first message lies behind the padded magic and the schema.
    for (int i = 8; i + 8 < bytes.length; i += 8) {
      bytes[i] ^= 0x10;
    }
    Files.write(file, bytes);
    assertThatThrownBy(() -> MappedEntry.open(file)).isInstanceOf(CorruptEntryException.class);
    assertThat(isMapped()).isFalse();
  }

  @Test
  void referencesAreCountedAcrossThreads() throws Exception {
    MappedEntry entry = MappedEntry.open(file);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<Void>> tasks = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Callable<Void> task =
          () -> {
            for (int i = 0; i < 20; i++) {
              assertThat(entry.retain()).isTrue();
              Entries.assertHolds(entry, SCHEMA, rows);
              entry.release();
            }
            return null;
          };
      tasks.add(threads.submit(task));
    }
    for (Future<Void> task : tasks) {
      task.get();
    }
    threads.shutdown();
    entry.release();
    assertThat(entry.retain()).isFalse();
  }

  @Test
  void anUnlinkedFileStaysReadable() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    Files.delete(file);
    Entries.assertHolds(entry, SCHEMA, rows);
    entry.release();
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
    entry.release();
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
    entry.release();
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
    entry.release();
  }

  @Test
  void anEntryOfAnotherSchemaIsNotRead() throws IOException {
    MappedEntry entry = MappedEntry.open(file);
    StructType other = new StructType().add("a", DataTypes.LongType).add("s", DataTypes.BinaryType);
    assertThatThrownBy(
            () -> Entries.selectAll(other).columnar(Entries.batches(entry).iterator()).next())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(file.toString());
    entry.release();
  }

  private boolean isMapped() throws IOException {
    return Files.readString(Path.of("/proc/self/maps")).contains(file.toString());
  }
}
