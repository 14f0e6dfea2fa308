// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Row;

/** The rows of a query as a multiset: equal to another with the same rows in any order. */
final class Answer {
  private final List<Row> rows;

  Answer(List<Row> rows) {
    this.rows = rows;
  }

  List<Row> rows() {
    return rows;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Answer answer
        && rows.size() == answer.rows.size()
        && sorted(rows).equals(sorted(answer.rows));
  }

  private static List<Row> sorted(List<Row> rows) {
    return rows.stream().sorted(Comparator.comparing(Row::toString)).toList();
  }

  @Override
  public int hashCode() {
    return rows.size();
  }

  @Override
  public String toString() {
    return rows.size() + " rows, at first " + rows.stream().limit(3).toList();
  }
}
