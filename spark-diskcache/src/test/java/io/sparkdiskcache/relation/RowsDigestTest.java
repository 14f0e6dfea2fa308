// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.arrow.Precision;
import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.store.Key;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;

class RowsDigestTest {
  private static final StructType SCHEMA =
      new StructType().add("id", "long").add("name", "string").add("x", "double");

  private static InternalRow row(long id, String name, Double x) {
    return new GenericInternalRow(new Object[] {id, UTF8String.fromString(name), x});
  }

  private static RowsDigest digest(List<InternalRow> rows, int... inexact) {
    BitSet columns = new BitSet();
    for (int column : inexact) {
      columns.set(column);
    }
    return new RowsDigest(SCHEMA, columns, PrecisionPolicy.EXACT).addAll(rows.iterator(), () -> {});
  }

  private static List<InternalRow> rows() {
    List<InternalRow> rows = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      rows.add(row(i, i % 7 == 0 ? null : "n" + i % 50, i % 11 == 0 ? null : i / 3.0));
    }
    return rows;
  }

  @Test
  void orderDoesNotCountAndNumberDoes() {
    List<InternalRow> shuffled = rows();
    Collections.shuffle(shuffled, new Random(1));
    assertThat(digest(shuffled).matches(digest(rows()))).isTrue();
    assertThat(digest(shuffled, 2).matches(digest(rows(), 2))).isTrue();
    List<InternalRow> twice = rows();
    twice.add(twice.get(4));
    assertThat(digest(twice).matches(digest(rows()))).isFalse();
    assertThat(digest(twice.subList(1, 1001)).matches(digest(rows()))).isFalse();
  }

  @Test
  void everyValueCounts() {
    for (InternalRow other :
        List.of(
            row(501, "n0", 500 / 3.0),
            row(500, "n1", 500 / 3.0),
            row(500, null, 500 / 3.0),
            row(500, "n0", Math.nextUp(500 / 3.0)),
            row(500, "n0", null))) {
      List<InternalRow> changed = rows();
      changed.set(500, other);
      assertThat(digest(changed).matches(digest(rows()))).isFalse();
    }
  }

  @Test
  void lastDigitsOfInexactColumnsDoNotCount() {
    List<InternalRow> changed = rows();
    changed.set(500, row(500, "n0", Math.nextUp(500 / 3.0)));
    assertThat(digest(changed, 2).matches(digest(rows(), 2))).isTrue();
  }

  @Test
  void otherValuesOfInexactColumnsCount() {
    for (Double other : new Double[] {500 / 3.0 + 0.01, null, Double.NaN, 1 / 0.0, -1 / 0.0}) {
      List<InternalRow> changed = rows();
      changed.set(500, row(500, "n0", other));
      assertThat(digest(changed, 2).matches(digest(rows(), 2))).isFalse();
    }
    List<InternalRow> swapped = rows(); // the same sum
    swapped.set(500, row(500, "n0", 501 / 3.0));
    swapped.set(501, row(501, "n1", 500 / 3.0));
    assertThat(digest(swapped, 2).matches(digest(rows(), 2))).isFalse();
  }

  private static RowsDigest embeddings(Precision precision, Object[]... arrays) {
    StructType schema = new StructType().add("id", "long").add("e", "array<array<double>>");
    PrecisionPolicy policy =
        new PrecisionPolicy(
            Map.of("e", precision), Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);
    List<InternalRow> rows = new ArrayList<>();
    for (Object[] array : arrays) {
      GenericArrayData inner = new GenericArrayData(array);
      Object[] values = {(long) rows.size(), new GenericArrayData(new Object[] {inner, null})};
      rows.add(new GenericInternalRow(values));
    }
    return new RowsDigest(schema, new BitSet(), policy).addAll(rows.iterator(), () -> {});
  }

  @Test
  void columnsThatNeedNotBeExactAreComparedWithinTheirPrecision() {
    Object[] exact = {0.1, -2.7, null, Double.NaN, 1e-30, 1 / 0.0};
    for (Precision precision : Precision.values()) {
      RowsDigest now = embeddings(precision, exact, new Object[0]);
      assertThat(now.matches(embeddings(precision, exact, new Object[0]))).isTrue();
      double moved = precision == Precision.BFLOAT16 ? 0x1p-9 : 0x1p-12;
      Object[] rounded = {0.1 * (1 + moved), -2.7 * (1 - moved), null, Double.NaN, 0.0, 1 / 0.0};
      assertThat(now.matches(embeddings(precision, rounded, new Object[0])))
          .as("%s", precision)
          .isEqualTo(precision.compareTo(Precision.FLOAT32) > 0);
      for (Object[] other :
          new Object[][] {
            {0.1, -2.9, null, Double.NaN, 1e-30, 1 / 0.0},
            {-2.7, 0.1, null, Double.NaN, 1e-30, 1 / 0.0},
            {0.1, -2.7, 0.0, Double.NaN, 1e-30, 1 / 0.0},
            {0.1, -2.7, null, 1.0, 1e-30, 1 / 0.0},
            {0.1, -2.7, null, Double.NaN, 1e-30, -1 / 0.0},
            {0.1, -2.7, null, Double.NaN, 1e-30}
          }) {
        assertThat(now.matches(embeddings(precision, other, new Object[0]))).isFalse();
      }
    }
  }

  @Test
  void aSampleHasItsShareAndDoesNotChange() {
    int chosen = 0;
    AuditSample sample = new AuditSample(0.1, 7);
    for (int i = 0; i < 10_000; i++) {
      Key key = new Key("%016x".formatted(i * 0x9E3779B97F4A7C15L) + "0".repeat(48));
      chosen += sample.contains(key) ? 1 : 0;
      assertThat(sample.contains(key)).isEqualTo(sample.contains(key));
      assertThat(new AuditSample(0, 7).contains(key)).isFalse();
      assertThat(new AuditSample(1, 7).contains(key)).isTrue();
    }
    assertThat(chosen).isBetween(900, 1100);
  }
}
