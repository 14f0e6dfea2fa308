// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.sql.Date;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.Period;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;

/**
 * A result that is read back is, for Spark, what the function returned; different inputs are
 * different keys.
 */
class ValuesTest {
  private static final StructType PERSON =
      new StructType()
          .add("name", DataTypes.StringType)
          .add("born", DataTypes.DateType)
          .add("scores", DataTypes.createArrayType(DataTypes.DoubleType));

  private static void survives(DataType type, Object... results) {
    Values values = new Values(type);
    var toCatalyst = CatalystTypeConverters.createToCatalystConverter(type);
    for (Object result : results) {
      byte[] bytes = values.encode(result);
      Object back = values.decode(bytes);
      Object expected = toCatalyst.apply(result);
      Object found = toCatalyst.apply(back);
      if (expected instanceof byte[] binary) {
        assertThat((byte[]) found).isEqualTo(binary);
      } else if (type.sql().startsWith("MAP")) {
        assertThat(String.valueOf(found)).isEqualTo(String.valueOf(expected));
      } else {
        assertThat(found).isEqualTo(expected);
      }
      assertThat(values.encode(back)).isEqualTo(bytes);
    }
  }

  @Test
  void resultsOfEveryTypeSurvive() {
    survives(DataTypes.StringType, "", "a", "\u00e9\u4e2d", "\ud83d\ude00", "x".repeat(5_000));
    survives(DataTypes.BooleanType, true, false);
    survives(DataTypes.ByteType, (byte) -1, Byte.MAX_VALUE);
    survives(DataTypes.ShortType, (short) -1, Short.MIN_VALUE);
    survives(DataTypes.IntegerType, 0, Integer.MIN_VALUE);
    survives(DataTypes.LongType, 1L, Long.MAX_VALUE);
    survives(DataTypes.FloatType, 0f, -0f, Float.NaN, Float.MIN_VALUE);
    survives(DataTypes.DoubleType, 0.0, -0.0, Double.NaN, Double.NEGATIVE_INFINITY);
    survives(DataTypes.BinaryType, new byte[0], new byte[] {0, -1, 2});
    survives(
        DataTypes.createDecimalType(38, 10),
        new BigDecimal("1.5"),
        new BigDecimal("-9999999999999999999999999999.0000000001"));
    survives(DataTypes.DateType, Date.valueOf("1582-10-04"), LocalDate.of(-1, 2, 3));
    survives(
        DataTypes.TimestampType,
        Timestamp.valueOf("1500-02-28 12:34:56.123456"),
        Instant.parse("2026-10-25T00:30:00.000001Z"),
        Instant.parse("1969-12-31T23:59:59.999999Z"));
    survives(DataTypes.TimestampNTZType, LocalDateTime.of(1, 1, 1, 0, 0, 0, 1_000));
    survives(DataTypes.createDayTimeIntervalType(), Duration.ofNanos(-1_000), Duration.ofDays(9));
    survives(DataTypes.createYearMonthIntervalType(), Period.of(-1, -2, 0), Period.ofMonths(30));
    survives(
        DataTypes.createArrayType(DataTypes.StringType), List.of(), Arrays.asList("a", null, "b"));
    survives(
        DataTypes.createMapType(DataTypes.StringType, DataTypes.LongType),
        Map.of(),
        Map.of("a", 1L));
    survives(
        PERSON,
        RowFactory.create("A", LocalDate.of(2000, 1, 2), List.of(1.0, -0.0)),
        RowFactory.create(null, null, null));
  }

  @Test
  void nullIsAResult() {
    Values values = new Values(PERSON);
    assertThat(values.decode(values.encode(null))).isNull();
  }

  @Test
  void whatIsNoValueOfTheTypeIsNotKept() {
    Values numbers = new Values(DataTypes.LongType);
    assertThatThrownBy(() -> numbers.encode(1)).isInstanceOf(RuntimeException.class);
    assertThatThrownBy(() -> numbers.decode(new Values(DataTypes.IntegerType).encode(1)))
        .isInstanceOf(IllegalStateException.class);
    Values texts = new Values(DataTypes.StringType);
    assertThatThrownBy(() -> texts.encode(UTF8String.fromBytes(new byte[] {(byte) 0xff})))
        .hasMessageContaining("UTF-8");
    byte[] longer = Arrays.copyOf(texts.encode("a"), 9);
    assertThatThrownBy(() -> texts.decode(longer)).hasMessageContaining("follow");
    assertThatThrownBy(() -> new Values(DataTypes.CalendarIntervalType))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("INTERVAL");
  }

  @Test
  void argumentsThatDifferHaveOtherBytes() {
    StructType other = new StructType().add("other", DataTypes.StringType);
    List<Object> all =
        new ArrayList<>(
            Arrays.asList(
                null,
                "",
                "a",
                "0",
                "1",
                "\ud800", // half a character
                "?",
                1,
                1L,
                (short) 1,
                (byte) 1,
                1.0,
                1f,
                0.0,
                -0.0,
                Double.NaN,
                0f,
                -0f,
                true,
                false,
                new byte[0],
                new byte[] {'a'},
                new BigDecimal("1"),
                new BigDecimal("1.0"),
                new BigDecimal("1.00").toBigInteger(),
                scala.math.BigDecimal.exact(new BigDecimal("1")),
                LocalDate.EPOCH,
                Date.valueOf("1970-01-01"),
                Instant.EPOCH,
                new Timestamp(0),
                LocalDate.EPOCH.atStartOfDay(),
                Duration.ZERO,
                Period.ZERO,
                RowFactory.create("a", "b"),
                RowFactory.create("a", RowFactory.create("b")),
                new org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema(
                    new Object[] {"a"}, PERSON),
                new org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema(
                    new Object[] {"a"}, other),
                seq("a", "b"),
                seq("ab"),
                seq(seq("a"), "b"),
                seq("a", seq("b"))));
    List<String> encodings = new ArrayList<>();
    for (Object value : all) {
      Bytes out = new Bytes();
      assertThat(Arguments.encode(value, out)).as("%s", value).isTrue();
      encodings.add(Arrays.toString(out.toArray()));
    }
    assertThat(encodings).doesNotHaveDuplicates();
  }

  private static Object seq(Object... items) {
    return scala.jdk.javaapi.CollectionConverters.asScala(List.of(items)).toSeq();
  }

  @Test
  void argumentsWithoutAnEncodingAreSaidToHaveNone() {
    for (Object value : new Object[] {Map.of("a", 1), new Object(), Thread.currentThread()}) {
      assertThat(Arguments.encode(value, new Bytes())).isFalse();
      assertThat(Arguments.encode(seq(value), new Bytes())).isFalse();
    }
    assertThat(Arguments.mayEncode(Object.class)).isTrue();
    assertThat(Arguments.mayEncode(scala.collection.immutable.Seq.class)).isTrue();
    assertThat(Arguments.mayEncode(scala.collection.Map.class)).isFalse();
    assertThat(Arguments.mayEncode(Thread.class)).isFalse();
  }

  @Test
  void callsStartAtEqualIntervals() {
    long[] now = {0};
    Pace pace = new Pace(10, () -> now[0]);
    assertThat(pace.reserveNanos()).isZero();
    assertThat(pace.reserveNanos()).isEqualTo(100_000_000);
    assertThat(pace.reserveNanos()).isEqualTo(200_000_000);
    now[0] = 1_000_000_000;
    assertThat(pace.reserveNanos()).isZero(); // what was not used is not saved up
    assertThat(pace.reserveNanos()).isEqualTo(100_000_000);
  }
}
