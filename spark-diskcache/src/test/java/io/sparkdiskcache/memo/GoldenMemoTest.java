// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoFunction;
import io.sparkdiskcache.store.MemoKey;
import io.sparkdiskcache.store.MemoResult;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.MemoUse;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Memo files that Java and Python have written once, which both read today. {@code test_golden.py}
 * has the same results; where the format changes, {@code -Ddiskcache.golden.write=true} writes
 * those of Java anew, and {@code golden_memo.py} those of Python.
 */
class GoldenMemoTest {
  private static final String OF_JAVA = "src/test/resources/golden/memo";
  private static final String OF_PYTHON = "../python/tests/golden/memo";
  private static final List<String> FILES = List.of("memo-4.db", "ledger.db");
  private static final MemoFunction FUNCTION =
      new MemoFunction("d".repeat(64), "golden", "1", "maps,paid", "App.f\nApp.g");
  private static final long CREATED = 1_700_000_000_000L;
  private static final long EXPIRES = 4_000_000_000_000L;

  /** A result as {@link Values} gives it. */
  private record Case(DataType type, @Nullable Object value) {}

  private static List<Case> cases() {
    Map<String, @Nullable Long> map = new LinkedHashMap<>();
    map.put("k", 7L);
    map.put("n", null);
    return List.of(
        new Case(DataTypes.StringType, "K\u00f6ln"),
        new Case(DataTypes.StringType, null),
        new Case(DataTypes.BooleanType, true),
        new Case(DataTypes.ByteType, Byte.MIN_VALUE),
        new Case(DataTypes.ShortType, Short.MIN_VALUE),
        new Case(DataTypes.IntegerType, Integer.MAX_VALUE),
        new Case(DataTypes.LongType, Long.MIN_VALUE),
        new Case(DataTypes.FloatType, 1.5f),
        new Case(DataTypes.DoubleType, -0.0),
        new Case(DataTypes.BinaryType, new byte[] {0, -1}),
        new Case(new DecimalType(38, 3), new BigDecimal("-123456789012345678901234567890.125")),
        new Case(DataTypes.DateType, LocalDate.of(1969, 12, 31)),
        new Case(DataTypes.TimestampType, Instant.parse("2026-11-30T02:00:00.123456Z")),
        new Case(DataTypes.TimestampNTZType, LocalDateTime.parse("1900-01-01T00:00:00.000001")),
        new Case(DataTypes.createDayTimeIntervalType(), Duration.ofDays(-1).plusNanos(1_000)),
        new Case(new ArrayType(DataTypes.StringType, true), Arrays.asList("a", null, "")),
        new Case(new MapType(DataTypes.StringType, DataTypes.LongType, true), map),
        new Case(
            new StructType().add("q", DataTypes.DoubleType).add("r", DataTypes.StringType),
            RowFactory.create(0.1, "x")));
  }

  @TempDir private Path temp;

  /** All of one file. */
  private static MemoKey key(int i) {
    return new MemoKey(0x40L << 56, 0, 0, i);
  }

  private static String arguments(int i) {
    return MemoEntry.join(List.of("case " + i, "\u00fc"));
  }

  private static MemoResult result(int i) {
    Case of = cases().get(i);
    return new MemoResult(
        new Values(of.type).encode(of.value),
        CREATED + i,
        i % 2 == 0 ? MemoResult.NEVER : EXPIRES,
        1_000 + i,
        0.25 * i);
  }

  private static void write(Path cache) throws Exception {
    try (MemoStore store = MemoStore.open(cache)) {
      for (int i = 0; i < cases().size(); i++) {
        store.put(key(i), FUNCTION, arguments(i), result(i));
      }
      store.counts(FUNCTION).called(5, 0.5);
      store.counts(FUNCTION).hit(result(1));
      store.counts(FUNCTION).failed(7);
      store.counts(FUNCTION).unkept();
    }
  }

  private Path copied(String golden) throws Exception {
    Path memo = Files.createDirectories(temp.resolve("copy/memo"));
    for (String name : FILES) {
      Files.copy(Path.of(golden, name), memo.resolve(name));
    }
    return temp.resolve("copy");
  }

  @Test
  void newFilesHaveTheTablesOfTheGoldenOnes() throws Exception {
    Path cache = temp.resolve("cache");
    write(cache);
    if (Boolean.getBoolean("diskcache.golden.write")) {
      for (String name : FILES) {
        Files.copy(
            cache.resolve("memo/" + name),
            Path.of(OF_JAVA, name),
            StandardCopyOption.REPLACE_EXISTING);
      }
    }
    Path golden = copied(OF_JAVA);
    for (String name : FILES) {
      List<String> tables = tables(cache.resolve("memo/" + name));
      assertThat(tables).as(name).isNotEmpty();
      assertThat(tables(golden.resolve("memo/" + name))).as(name).isEqualTo(tables);
    }
  }

  private static List<String> tables(Path file) throws SQLException {
    List<String> tables = new ArrayList<>();
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")) {
      while (row.next()) {
        tables.add(row.getString(1));
      }
    }
    return tables;
  }

  @ParameterizedTest
  @ValueSource(strings = {OF_JAVA, OF_PYTHON})
  void goldenFilesAreReadAndWrittenOn(String golden) throws Exception {
    Path cache = copied(golden);
    try (MemoStore store = MemoStore.open(cache)) {
      for (int i = 0; i < cases().size(); i++) {
        Case of = cases().get(i);
        MemoResult found = store.find(key(i)).orElseThrow();
        MemoResult wanted = result(i);
        assertThat(found.value()).as("bytes of %s", of.type).isEqualTo(wanted.value());
        assertThat(new Values(of.type).decode(found.value()))
            .as("value of %s", of.type)
            .isEqualTo(of.value);
        assertThat(List.of(found.created(), found.expires(), found.nanos(), found.price()))
            .isEqualTo(List.of(wanted.created(), wanted.expires(), wanted.nanos(), wanted.price()));
      }
      List<MemoEntry> entries = store.entries(entry -> true);
      assertThat(entries).hasSameSizeAs(cases());
      assertThat(entries.get(3).function()).isEqualTo(FUNCTION);
      assertThat(entries.get(3).arguments()).containsExactly("case 3", "\u00fc");
      MemoUse use = store.ledger().get(0);
      assertThat(use)
          .isEqualTo(
              new MemoUse(
                  use.day(),
                  "golden",
                  "1",
                  "maps,paid",
                  1,
                  1,
                  1,
                  1,
                  Duration.ofNanos(12),
                  Duration.ofNanos(1_001),
                  0.5,
                  0.25));
      assertThat(use.day()).matches("\\d{4}-\\d\\d-\\d\\d");
      store.put(key(200), FUNCTION, arguments(0), result(0));
      assertThat(store.errors()).isZero();
    }
    try (MemoStore store = MemoStore.open(cache)) {
      assertThat(store.find(key(200)).orElseThrow().value()).isEqualTo(result(0).value());
      assertThat(store.entries(entry -> !entry.function().equals(FUNCTION))).isEmpty();
    }
  }
}
