// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.IndeterminateStringType$;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.ObjectType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EntryWriterTest {
  private static final StructType NUMBERS =
      new StructType()
          .add("b", DataTypes.BooleanType)
          .add("i", DataTypes.IntegerType)
          .add("d", new DecimalType(38, 2));

  @TempDir private Path dir;
  private final BufferAllocator root = new RootAllocator();

  @AfterEach
  void allMemoryCameBack() {
    root.close();
  }

  @Test
  void theFileIsItsOwnersOnly() throws IOException {
    Path file = dir.resolve("e.arrow");
    create(file, NUMBERS).close();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThatThrownBy(() -> create(file, NUMBERS)).isInstanceOf(FileAlreadyExistsException.class);
  }

  @Test
  void anUnfinishedFileDoesNotOpen() throws IOException {
    Path file = dir.resolve("e.arrow");
    try (EntryWriter writer = create(file, NUMBERS)) {
      for (InternalRow row : new RandomData(1).rows(NUMBERS, 100, 0.1)) {
        writer.write(row);
      }
    }
    assertThatThrownBy(() -> MappedEntry.open(file)).isInstanceOf(CorruptEntryException.class);
  }

  @Test
  void equalRowsMakeEqualFiles() throws IOException {
    StructType schema =
        NUMBERS.add("s", DataTypes.StringType).add("a", new ArrayType(NUMBERS, true));
    List<InternalRow> rows = new RandomData(1).rows(schema, 100, 0.3);
    EncodeOptions options = new EncodeOptions(13, 1 << 20);
    Entries.write(dir.resolve("1"), schema, rows, options);
    Entries.write(dir.resolve("2"), schema, rows, options);
    assertThat(dir.resolve("1")).hasSameBinaryContentAs(dir.resolve("2"));
  }

  @Test
  void batchesAreWrittenByColumnOrByRow() throws IOException {
    StructType withText = NUMBERS.add("s", DataTypes.StringType);
    for (StructType schema : List.of(NUMBERS, withText, new StructType())) {
      List<InternalRow> rows = new RandomData(4).rows(schema, 100, 0.3);
      Path source = dir.resolve("source" + schema.length());
      Path copy = dir.resolve("copy" + schema.length());
      Entries.write(source, schema, rows, new EncodeOptions(33, 1 << 20));
      MappedEntry entry = MappedEntry.open(source);
      EncodeOptions options = new EncodeOptions(21, 1 << 20);
      try (EntryWriter writer = EntryWriter.create(copy, schema, Map.of(), root, options)) {
        var batches = Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
        while (batches.hasNext()) {
          ColumnarBatch batch = batches.next();
          writer.write(batch);
        }
        assertThat(writer.finish().batches()).as("batches of 21 rows").isEqualTo(5);
      }
      MappedEntry written = MappedEntry.open(copy);
      Entries.assertHolds(written, schema, rows);
    }
  }

  /** Batches end at the same bytes however strings come, and a giant one has a batch for itself. */
  @Test
  void stringsInBatchesEndBatchesAsInRows() throws IOException {
    StructType schema = NUMBERS.add("s", DataTypes.StringType).add("t", DataTypes.StringType);
    List<InternalRow> rows = new RandomData(9).rows(schema, 600, 0.2);
    int text = schema.fieldIndex("s");
    for (int i = 0; i < rows.size(); i++) {
      int length = i % 97 == 50 ? 9_000 : i % 5 == 0 ? 700 : i % 13;
      rows.get(i).update(text, UTF8String.fromString("x".repeat(length) + i));
    }
    Path source = dir.resolve("source");
    Entries.write(source, schema, rows, new EncodeOptions(250, 1 << 20).withCompact(false));
    EncodeOptions small = new EncodeOptions(100, 8_000).withCompact(false);
    EntrySummary byRow = Entries.write(dir.resolve("by row"), schema, rows, small);
    MappedEntry entry = MappedEntry.open(source);
    Path copy = dir.resolve("copy");
    try (EntryWriter writer = EntryWriter.create(copy, schema, Map.of("k", "v"), root, small)) {
      var batches = Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
      while (batches.hasNext()) {
        writer.write(batches.next());
      }
      assertThat(writer.rows()).isEqualTo(600);
      assertThat(writer.finish().batches())
          .isBetween(byRow.batches() - 2, byRow.batches() + 8); // bitmaps are not foreseen
    }
    MappedEntry written = MappedEntry.open(copy);
    for (int i = 0; i < written.batchCount(); i++) {
      boolean hasGiant = written.batch(i).sizeInBytes() > 12_000;
      assertThat(hasGiant).as("a giant row in batch %s among others", i).isFalse();
    }
    Entries.assertHolds(written, schema, rows);
  }

  @Test
  void aRowOfAnotherWidthIsRefusedAndNothingIsLost() throws IOException {
    Path file = dir.resolve("e.arrow");
    List<InternalRow> rows = new RandomData(1).rows(NUMBERS, 2, 0);
    try (EntryWriter writer = create(file, NUMBERS)) {
      writer.write(rows.get(0));
      assertThatThrownBy(() -> writer.write(new GenericInternalRow(2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("2 fields");
      writer.write(rows.get(1));
      writer.finish();
      assertThatThrownBy(() -> writer.write(rows.get(0)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("FINISHED");
      assertThatThrownBy(writer::finish).isInstanceOf(IllegalStateException.class);
    }
    MappedEntry entry = MappedEntry.open(file);
    Entries.assertHolds(entry, NUMBERS, rows);
  }

  @Test
  void aHalfWrittenRowSpoilsTheWriter() throws IOException {
    InternalRow bad = new GenericInternalRow(new Object[] {true, "no int", null});
    try (EntryWriter writer = create(dir.resolve("e.arrow"), NUMBERS)) {
      assertThatThrownBy(() -> writer.write(bad)).isInstanceOf(ClassCastException.class);
      assertThatThrownBy(writer::finish)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("FAILED");
    }
  }

  @Test
  void noMemoryIsLeakedWhenThereIsTooLittle() throws IOException {
    StructType schema = new StructType().add("s", DataTypes.StringType);
    InternalRow row =
        new GenericInternalRow(new Object[] {UTF8String.fromBytes(new byte[100_000])});
    try (BufferAllocator small = root.newChildAllocator("small", 0, 300_000);
        EntryWriter writer =
            EntryWriter.create(
                dir.resolve("e"), schema, Map.of(), small, EncodeOptions.defaults())) {
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 100; i++) {
                  writer.write(row);
                }
              })
          .isInstanceOf(OutOfMemoryException.class);
    }
  }

  @Test
  void aGiantRowHasABatchOfItsOwn() throws IOException {
    StructType schema = new StructType().add("s", DataTypes.StringType);
    UnsafeProjection projection = UnsafeProjection.create(schema);
    List<InternalRow> rows = new ArrayList<>();
    for (int size : new int[] {10, 10, 3 << 20, 10}) {
      UTF8String text = UTF8String.fromBytes(new byte[size]);
      rows.add(projection.apply(new GenericInternalRow(new Object[] {text})).copy());
    }
    Path file = dir.resolve("e");
    EntrySummary summary = Entries.write(file, schema, rows, new EncodeOptions(100, 1 << 20));
    assertThat(summary.batches()).isEqualTo(3);
    MappedEntry entry = MappedEntry.open(file);
    Entries.assertHolds(entry, schema, rows);
  }

  @Test
  void memoryHoldsABatchNotTheEntry() throws IOException {
    StructType schema = new StructType().add("s", DataTypes.StringType);
    InternalRow row = new GenericInternalRow(new Object[] {UTF8String.fromBytes(new byte[1000])});
    long limit = 1 << 20;
    EncodeOptions options = new EncodeOptions(1 << 20, limit);
    try (BufferAllocator child = root.newChildAllocator("bounded", 0, 4 * limit);
        EntryWriter writer =
            EntryWriter.create(dir.resolve("e"), schema, Map.of(), child, options)) {
      for (int i = 0; i < 20_000; i++) {
        writer.write(row);
      }
      writer.finish();
      assertThat(child.getPeakMemoryAllocation()).isLessThanOrEqualTo(4 * limit);
    }
  }

  /** Memory comes back when it is asked for, and what is counted is what is held. */
  @Test
  void aBatchIsEndedEarlyToGiveItsMemoryBack() throws IOException {
    StructType schema =
        new StructType()
            .add("l", DataTypes.LongType)
            .add("s", DataTypes.StringType)
            .add("word", DataTypes.StringType)
            .add("a", new ArrayType(DataTypes.DoubleType, true));
    List<InternalRow> rows = new RandomData(6).rows(schema, 20_000, 0.1);
    int word = schema.fieldIndex("word");
    for (int i = 0; i < rows.size(); i++) {
      rows.get(i).update(word, UTF8String.fromString("one of some words, number " + i % 90));
    }
    AtomicLong held = new AtomicLong();
    AllocationListener counts =
        new AllocationListener() {
          @Override
          public void onPreAllocation(long size) {
            held.addAndGet(size);
          }

          @Override
          public void onRelease(long size) {
            held.addAndGet(-size);
          }
        };
    Path file = dir.resolve("e");
    EncodeOptions options = EncodeOptions.defaults();
    try (EntryWriter writer =
        EntryWriter.create(file, schema, Map.of(), root, counts, options, null)) {
      int shed = 0;
      for (int i = 0; i < rows.size(); i++) {
        writer.write(rows.get(i));
        assertThat(held.get()).isEqualTo(root.getAllocatedMemory());
        long before = held.get();
        if (before > 1_500_000) {
          writer.shed();
          assertThat(held.get()).as("what is left of %s bytes", before).isLessThan(before / 3);
          shed++;
        } else if (i == 10) {
          writer.shed();
          assertThat(held.get()).as("too little to be shed").isEqualTo(before);
        }
      }
      assertThat(shed).isPositive();
      assertThat(writer.finish().batches()).isEqualTo(shed + 1);
    }
    assertThat(held.get()).isZero();
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.encodings()).containsEntry(word, ColumnLayout.Kind.DICTIONARY16);
    Entries.assertHolds(entry, schema, rows);
  }

  @Test
  void decimalsOfOtherScaleAreFittedAsSparkDoes() throws IOException {
    StructType schema = new StructType().add("d", new DecimalType(4, 2));
    List<InternalRow> rows = List.of(decimalRow("1.5"), decimalRow("12.345"), decimalRow("12345"));
    Path file = dir.resolve("e");
    Entries.write(file, schema, rows, EncodeOptions.defaults());
    UnsafeProjection projection = UnsafeProjection.create(schema);
    List<InternalRow> asSpark =
        rows.stream().<InternalRow>map(r -> projection.apply(r.copy()).copy()).toList();
    MappedEntry entry = MappedEntry.open(file);
    Entries.assertHolds(entry, schema, asSpark);
  }

  private static InternalRow decimalRow(String value) {
    return new GenericInternalRow(new Object[] {Decimal.apply(value)});
  }

  @Test
  void reservedMetadataIsRefused() {
    Path file = dir.resolve("e");
    assertThatThrownBy(
            () ->
                EntryWriter.create(
                    file, NUMBERS, Map.of("spark.schema", "x"), root, EncodeOptions.defaults()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("spark.schema");
    assertThat(file).doesNotExist();
  }

  @Test
  void optionsOutOfRangeAreRefused() {
    assertThatThrownBy(() -> new EncodeOptions(0, 1)).hasMessageContaining("maxRowsPerBatch=0");
    assertThatThrownBy(() -> new EncodeOptions(1, 0)).hasMessageContaining("maxBytesPerBatch=0");
    assertThatThrownBy(() -> new EncodeOptions(1, 1L << 31)).hasMessageContaining("2147483648");
  }

  @Test
  void typesThatArrowCannotHoldAreNamed() {
    DataType object = new ObjectType(String.class);
    StructType schema =
        new StructType()
            .add("ok", DataTypes.LongType)
            .add("m", new MapType(DataTypes.LongType, new StructType().add("x.y", object), true));
    assertThat(ArrowSchemas.unsupportedReason(schema))
        .hasValueSatisfying(
            reason -> assertThat(reason).contains("`m`.value.`x.y`").contains("ObjectType"));
    assertThatThrownBy(() -> create(dir.resolve("e"), schema))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("x.y");
    assertThat(dir.resolve("e")).doesNotExist();
  }

  @Test
  void aNameThatUtf8CannotHoldIsRefused() {
    StructType schema = new StructType().add("\ud800", DataTypes.LongType);
    assertThat(ArrowSchemas.unsupportedReason(schema)).isPresent();
  }

  /**
   * As of {@code concat_ws} over columns of two collations; Spark's parser does not know its name.
   */
  @Test
  void aCollationWithoutANameIsRefused() {
    StructType schema = new StructType().add("s", IndeterminateStringType$.MODULE$);
    assertThat(ArrowSchemas.unsupportedReason(schema)).isPresent();
  }

  @Test
  void fieldMetadataThatJsonCannotHoldIsRefusedOrExact() {
    for (double number : new double[] {1e300, Double.MIN_VALUE, -0.0, Double.NaN}) {
      Metadata metadata = new MetadataBuilder().putDouble("d", number).build();
      StructType schema = new StructType().add("a", DataTypes.LongType, true, metadata);
      Optional<String> reason = ArrowSchemas.unsupportedReason(schema);
      if (Double.isNaN(number)) {
        assertThat(reason).as("metadata %s", number).isPresent();
      } else {
        assertThat(reason).as("metadata %s", number).isEmpty();
      }
    }
  }

  @Test
  void negativeScalesComeBackWhereSparkAllowsThem() throws IOException {
    SQLConf.get().setConfString("spark.sql.legacy.allowNegativeScaleOfDecimal", "true");
    try {
      StructType schema =
          new StructType().add("a", new DecimalType(5, -3)).add("b", new DecimalType(30, -8));
      List<InternalRow> rows = new RandomData(9).rows(schema, 50, 0.1);
      Path file = dir.resolve("e");
      Entries.write(file, schema, rows, EncodeOptions.defaults());
      MappedEntry entry = MappedEntry.open(file);
      Entries.assertHolds(entry, schema, rows);
      assertThat(entry.batch(0).stats().isNullAt(0)).as("lower bound").isFalse();
    } finally {
      SQLConf.get().unsetConf("spark.sql.legacy.allowNegativeScaleOfDecimal");
    }
  }

  @Test
  void userDefinedTypesAreStoredByTheirStorageType() throws IOException {
    StructType schema =
        new StructType().add("p", new PointType()).add("ps", new ArrayType(new PointType(), true));
    List<InternalRow> rows = new RandomData(1).rows(ColumnLayout.storageSchema(schema), 20, 0.2);
    Path file = dir.resolve("e");
    Entries.write(file, schema, rows, EncodeOptions.defaults());
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.schema().apply(0).dataType()).isEqualTo(new PointType().sqlType());
    Entries.assertHolds(entry, schema, rows);
  }

  @Test
  void collationsAndFieldMetadataComeBack() throws IOException {
    StructType schema =
        StructType.fromDDL("a STRING COLLATE UNICODE_CI COMMENT 'c', b ARRAY<STRING COLLATE de_CI>")
            .add("", new ArrayType(StringType.apply("UTF8_LCASE"), true));
    Path file = dir.resolve("e");
    Entries.write(file, schema, List.of(), EncodeOptions.defaults());
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.schema()).isEqualTo(schema);
    assertThat(entry.schema().apply(0).getComment().get()).isEqualTo("c");
  }

  private EntryWriter create(Path file, StructType schema) throws IOException {
    return EntryWriter.create(file, schema, Map.of(), root, EncodeOptions.defaults());
  }

  /** Stored as a struct. */
  static final class PointType extends UserDefinedType<long[]> {
    private static final long serialVersionUID = 1L;

    @Override
    public DataType sqlType() {
      return new StructType().add("x", DataTypes.LongType, false).add("y", DataTypes.LongType);
    }

    @Override
    public Object serialize(long[] point) {
      return new GenericInternalRow(new Object[] {point[0], point[1]});
    }

    @Override
    public long[] deserialize(Object datum) {
      InternalRow row = (InternalRow) datum;
      return new long[] {row.getLong(0), row.getLong(1)};
    }

    @Override
    public Class<long[]> userClass() {
      return long[].class;
    }
  }
}
