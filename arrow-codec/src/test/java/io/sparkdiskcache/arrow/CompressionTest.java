// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

final class CompressionTest {
  private static final StructType WORDS =
      new StructType().add("n", DataTypes.LongType).add("s", DataTypes.StringType);

  @TempDir private Path dir;

  static Stream<Arguments> leafTypes() {
    return eachCodec(RandomData.LEAVES.stream().map(type -> type));
  }

  static Stream<Arguments> seeds() {
    return eachCodec(LongStream.range(0, 20).boxed().map(seed -> seed));
  }

  private static Stream<Arguments> eachCodec(Stream<Object> values) {
    return values.flatMap(
        value ->
            Stream.of(Compression.LZ4, Compression.ZSTD).map(codec -> Arguments.of(codec, value)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("leafTypes")
  void everyTypeComesBack(Compression codec, DataType type) throws IOException {
    StructType schema =
        new StructType()
            .add("plain", type, true)
            .add("array", new ArrayType(type, true), true)
            .add("map", new MapType(DataTypes.IntegerType, type, true), true)
            .add("struct", new StructType().add("x", type, true).add("y", type, true), true);
    for (double nulls : new double[] {0, 0.3, 1}) {
      List<InternalRow> rows = new RandomData(type.hashCode()).rows(schema, 200, nulls);
      assertRoundTrip(schema, rows, new EncodeOptions(70, 1 << 20).withCompression(codec));
    }
  }

  @ParameterizedTest(name = "{0} seed {1}")
  @MethodSource("seeds")
  void randomSchemasAndRowsComeBack(Compression codec, long seed) throws IOException {
    RandomData data = new RandomData(seed);
    StructType schema = data.schema(8, 3);
    List<InternalRow> rows = data.rows(schema, (int) (seed * 13 % 101), (seed % 4) / 4.0);
    assertRoundTrip(
        schema, rows, new EncodeOptions(1 + (int) seed * 3, 1 << 20).withCompression(codec));
  }

  private Path assertRoundTrip(StructType schema, List<InternalRow> rows, EncodeOptions options)
      throws IOException {
    Path file = dir.resolve("entry.arrow");
    Files.deleteIfExists(file);
    EntrySummary summary = Entries.write(file, schema, rows, options);
    MappedEntry entry = MappedEntry.open(file);
    for (int i = 0; i < entry.batchCount(); i++) {
      assertThat(entry.compression(i)).as("batch %s", i).isEqualTo(options.compression());
    }
    assertThat(entry.crc32c()).as("checksum").isEqualTo(summary.crc32c());
    Entries.assertHolds(entry, schema, rows);
    return file;
  }

  private static List<InternalRow> words(int count) {
    List<InternalRow> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String text = "a row that looks like all the others but for its number " + i;
      rows.add(new GenericInternalRow(new Object[] {i * 1_000_003L, UTF8String.fromString(text)}));
    }
    return rows;
  }

  @ParameterizedTest
  @EnumSource(
      value = Compression.class,
      names = {"LZ4", "ZSTD"})
  void otherReadersOfArrowDecompress(Compression codec) throws IOException {
    EncodeOptions options = new EncodeOptions(1000, 1 << 20).withCompact(false);
    Path file = dir.resolve("plain.arrow");
    long plain = Entries.write(file, WORDS, words(2500), options).bytes();
    file = assertRoundTrip(WORDS, words(2500), options.withCompression(codec));
    assertThat(Files.size(file)).as("size").isLessThan(plain / 2);
    try (BufferAllocator allocator = new RootAllocator();
        FileChannel channel = FileChannel.open(file);
        ArrowFileReader reader =
            new ArrowFileReader(channel, allocator, CommonsCompressionFactory.INSTANCE)) {
      int at = 0;
      while (reader.loadNextBatch()) {
        BigIntVector numbers = (BigIntVector) reader.getVectorSchemaRoot().getVector("n");
        VarCharVector strings = (VarCharVector) reader.getVectorSchemaRoot().getVector("s");
        for (int i = 0; i < numbers.getValueCount(); i++, at++) {
          assertThat(numbers.get(i)).isEqualTo(at * 1_000_003L);
          assertThat(new String(strings.get(i), StandardCharsets.UTF_8)).endsWith(" " + at);
        }
      }
      assertThat(at).isEqualTo(2500);
    }
  }

  /** Random bytes do not get shorter: they lie in the file as they are, and are mapped. */
  @ParameterizedTest
  @EnumSource(
      value = Compression.class,
      names = {"LZ4", "ZSTD"})
  void whatDoesNotPayIsStored(Compression codec) throws IOException {
    StructType schema =
        new StructType().add("x", DataTypes.LongType).add("b", DataTypes.BinaryType);
    Random random = new Random(11);
    List<InternalRow> rows = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      byte[] bytes = new byte[100];
      random.nextBytes(bytes);
      rows.add(new GenericInternalRow(new Object[] {random.nextLong(), bytes}));
    }
    EncodeOptions options = EncodeOptions.defaults();
    long plain = Entries.write(dir.resolve("plain.arrow"), schema, rows, options).bytes();
    Path file = assertRoundTrip(schema, rows, options.withCompression(codec));
    assertThat(Files.size(file)).isLessThan(plain + 512);
  }

  /** The first batches are written in less than the last needs, and then once more. */
  @ParameterizedTest
  @EnumSource(
      value = Compression.class,
      names = {"LZ4", "ZSTD"})
  void batchesThatAreWidenedComeBack(Compression codec) throws IOException {
    List<InternalRow> rows = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      String text = i < 2000 ? "one of ten: " + i % 10 : "unique ".repeat(4000) + i;
      long number = i < 2000 ? i % 100 : Long.MAX_VALUE - i;
      rows.add(new GenericInternalRow(new Object[] {number, UTF8String.fromString(text)}));
    }
    assertRoundTrip(WORDS, rows, new EncodeOptions(500, 16 << 20).withCompression(codec));
    MappedEntry entry = MappedEntry.open(dir.resolve("entry.arrow"));
    assertThat(entry.encodings()).isEmpty();
  }

  @Test
  void stringsOfADictionaryComeBack() throws IOException {
    List<InternalRow> rows = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      UTF8String text = UTF8String.fromString("one of ten: " + i % 10);
      rows.add(new GenericInternalRow(new Object[] {(long) i % 100, text}));
    }
    assertRoundTrip(WORDS, rows, new EncodeOptions(500, 1 << 20).withCompression(Compression.ZSTD));
    MappedEntry entry = MappedEntry.open(dir.resolve("entry.arrow"));
    assertThat(entry.encodings()).containsEntry(1, Kind.DICTIONARY8);
  }

  /** The memory that a value points to stays, whatever becomes of its vector. */
  @Test
  void stringsOutliveTheirVectors() throws IOException {
    EncodeOptions options = new EncodeOptions(100, 1 << 20).withCompression(Compression.ZSTD);
    Path file = assertRoundTrip(WORDS, words(1000), options);
    MappedEntry entry = MappedEntry.open(file);
    List<UTF8String> kept = new ArrayList<>();
    for (int batch = 0; batch < entry.batchCount(); batch++) {
      kept.add(entry.column(batch, 1).getUTF8String(7));
      System.gc(); // what is not reachable may go now
    }
    for (int batch = 0; batch < kept.size(); batch++) {
      assertThat(kept.get(batch).toString()).endsWith(" " + (batch * 100 + 7));
    }
  }

  /** The error names the file and where in it; other columns do not notice. */
  @ParameterizedTest
  @EnumSource(
      value = Compression.class,
      names = {"LZ4", "ZSTD"})
  void onlyTheColumnsThatAreReadAreDecompressed(Compression codec) throws IOException {
    EncodeOptions options = EncodeOptions.defaults().withCompression(codec);
    Path file = assertRoundTrip(WORDS, words(1000), options);
    byte[] bytes = Files.readAllBytes(file);
    // The frame of the strings: the largest buffer, which is the last of the batch.
    int[] magic = codec == Compression.LZ4 ? new int[] {4, 0x22, 0x4d, 0x18} : ZSTD_MAGIC;
    int at = lastIndexOf(bytes, magic);
    Arrays.fill(bytes, at + 4, at + 40, (byte) 0xa5);
    Path damaged = Files.write(dir.resolve("damaged.arrow"), bytes);
    MappedEntry entry = MappedEntry.open(damaged);
    assertThat(entry.column(0, 0).getLong(999)).isEqualTo(999 * 1_000_003L);
    assertThatThrownBy(() -> entry.column(0, 1))
        .isInstanceOf(CorruptEntryException.class)
        .hasMessageContaining(damaged.toString())
        .hasMessageContaining("at byte " + (at - BufferCodec.PREFIX) + ",");
  }

  private static final int[] ZSTD_MAGIC = {0x28, 0xb5, 0x2f, 0xfd};

  private static int lastIndexOf(byte[] bytes, int[] pattern) {
    for (int at = bytes.length - pattern.length; at >= 0; at--) {
      int same = 0;
      while (same < pattern.length && (bytes[at + same] & 0xff) == pattern[same]) {
        same++;
      }
      if (same == pattern.length) {
        return at;
      }
    }
    return fail("no frame in the file");
  }

  @ParameterizedTest(name = "{0} seed {1}")
  @MethodSource("seeds")
  void damageIsRefusedOrReadInBounds(Compression codec, long seed) throws IOException {
    StructType schema =
        new StructType()
            .add("b", DataTypes.BooleanType)
            .add("i", DataTypes.IntegerType)
            .add("s", DataTypes.StringType)
            .add("a", new ArrayType(DataTypes.StringType, true))
            .add("m", new MapType(DataTypes.StringType, DataTypes.LongType, true))
            .add("v", DataTypes.VariantType)
            .add("d", DataTypes.DoubleType)
            .add("e", DataTypes.StringType);
    List<InternalRow> rows = new RandomData(seed).rows(schema, 120, 0.2);
    for (InternalRow row : rows) {
      row.update(7, UTF8String.fromString("repeated ".repeat(12)));
    }
    Path file = dir.resolve("good.arrow");
    EncodeOptions options = new EncodeOptions(50, 1 << 20).withCompression(codec);
    long goodCrc = Entries.write(file, schema, rows, options).crc32c();
    byte[] good = Files.readAllBytes(file);
    Path damaged = dir.resolve("damaged.arrow");
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < 250; i++) {
      byte[] bytes = good.clone();
      int from = random.nextInt(bytes.length);
      int length = i % 2 == 0 ? 1 : 1 + random.nextInt(Math.min(64, bytes.length - from));
      for (int at = from; at < from + length; at++) {
        bytes[at] ^= (byte) (1 + random.nextInt(255));
      }
      Files.write(damaged, bytes);
      refused += isRefused(damaged, schema, goodCrc, "seed " + seed + ", bytes " + from) ? 1 : 0;
    }
    assertThat(refused).as("refused of 250, seed %s", seed).isGreaterThan(10);
  }

  private static boolean isRefused(Path damaged, StructType schema, long goodCrc, String what)
      throws IOException {
    MappedEntry entry;
    try {
      entry = MappedEntry.open(damaged);
    } catch (CorruptEntryException e) {
      assertThat(e).as(what).hasMessageContaining(damaged.toString());
      return true;
    }
    assertThat(entry.crc32c()).as("checksum, %s", what).isNotEqualTo(goodCrc);
    try {
      if (ColumnLayout.sameValues(entry.schema(), schema)) {
        Iterator<ColumnarBatch> batches =
            Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
        while (batches.hasNext()) {
          batches.next().rowIterator().forEachRemaining(row -> row.copy());
        }
      }
      return false;
    } catch (UncheckedIOException e) {
      assertThat(e).as(what).hasCauseInstanceOf(CorruptEntryException.class);
      assertThat(e.getCause()).as(what).hasMessageContaining(damaged.toString());
      return true;
    }
  }

  /** 400 MB of numbers are read in a JVM that may have 48 MB outside of its heap. */
  @Test
  void decompressedMemoryIsBoundedByTheJvmsLimit() throws IOException, InterruptedException {
    StructType schema = new StructType().add("x", DataTypes.LongType).add("y", DataTypes.LongType);
    Path file = dir.resolve("large.arrow");
    try (BufferAllocator root = new RootAllocator();
        EntryWriter writer =
            EntryWriter.create(
                file,
                schema,
                Map.of(),
                root,
                EncodeOptions.defaults().withCompact(false).withCompression(Compression.ZSTD))) {
      GenericInternalRow row = new GenericInternalRow(2);
      for (long i = 0; i < ReadAll.ROWS; i++) {
        row.update(0, i);
        row.update(1, -i);
        writer.write(row);
      }
      writer.finish();
    }
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx256m",
            "-XX:MaxDirectMemorySize=48m",
            "-cp",
            System.getProperty("java.class.path"),
            "--add-opens=java.base/java.nio=ALL-UNNAMED",
            ReadAll.class.getName(),
            file.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output).contains("sum 0 of " + ReadAll.ROWS);
  }

  /** Adds up all numbers of an entry, through vectors. */
  static final class ReadAll {
    static final long ROWS = 25_000_000;

    private ReadAll() {}

    public static void main(String[] args) throws IOException {
      MappedEntry entry = MappedEntry.open(Path.of(args[0]));
      long sum = 0;
      for (int batch = 0; batch < entry.batchCount(); batch++) {
        MappedColumn x = entry.column(batch, 0);
        MappedColumn y = entry.column(batch, 1);
        for (int i = 0; i < entry.rows(batch); i++) {
          sum += x.getLong(i) + y.getLong(i);
        }
      }
      System.out.println("sum " + sum + " of " + entry.rows());
    }
  }
}
