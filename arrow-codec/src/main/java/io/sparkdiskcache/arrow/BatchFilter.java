// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.EqualNullSafe;
import org.apache.spark.sql.catalyst.expressions.EqualTo;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GreaterThan;
import org.apache.spark.sql.catalyst.expressions.GreaterThanOrEqual;
import org.apache.spark.sql.catalyst.expressions.In;
import org.apache.spark.sql.catalyst.expressions.IsNotNull;
import org.apache.spark.sql.catalyst.expressions.IsNull;
import org.apache.spark.sql.catalyst.expressions.LessThan;
import org.apache.spark.sql.catalyst.expressions.LessThanOrEqual;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.Or;
import org.apache.spark.sql.catalyst.expressions.StartsWith;
import org.apache.spark.sql.catalyst.util.SQLOrderingUtil;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.unsafe.types.ByteArray;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Decides from statistics whether a batch may hold a row for which a predicate is true. Understands
 * the same predicates as {@link org.apache.spark.sql.columnar.SimpleMetricsCachedBatchSerializer},
 * but not by its expressions: those take a bound that is missing for "no row matches", ignore NaN,
 * and drop the nulls that {@code a <=> null} asks for. Here whatever is not known is "maybe".
 */
sealed interface BatchFilter extends Serializable {

  /** False only if no row of the batch makes the predicate true. */
  boolean mayMatch(Stats stats);

  /** The filter of a predicate; empty if statistics cannot decide it. */
  static Optional<BatchFilter> of(Expression predicate, List<Attribute> columns) {
    return Optional.ofNullable(new Translator(columns).translate(predicate));
  }

  /** One batch's row of statistics, see {@link EntryStats#row}. */
  record Stats(InternalRow row) {
    @Nullable Object lower(int column, DataType type) {
      return bound(EntryStats.VALUES * column, type);
    }

    @Nullable Object upper(int column, DataType type) {
      return bound(EntryStats.VALUES * column + 1, type);
    }

    int nulls(int column) {
      return row.getInt(EntryStats.VALUES * column + 2);
    }

    int rows(int column) {
      return row.getInt(EntryStats.VALUES * column + 3);
    }

    private @Nullable Object bound(int ordinal, DataType type) {
      return row.isNullAt(ordinal) ? null : row.get(ordinal, type);
    }
  }

  /** Both have to match. */
  record Both(BatchFilter left, BatchFilter right) implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      return left.mayMatch(stats) && right.mayMatch(stats);
    }
  }

  /** One has to match. */
  record Either(BatchFilter left, BatchFilter right) implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      return left.mayMatch(stats) || right.mayMatch(stats);
    }
  }

  /** No row matches, for whatever batch: a comparison with null. */
  record Nothing() implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      return false;
    }
  }

  /** The column is null. */
  record Null(int column) implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      return stats.nulls(column) > 0;
    }
  }

  /** The column is not null. */
  record NotNull(int column) implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      return stats.nulls(column) < stats.rows(column);
    }
  }

  /** The column is at least, or more than, a value. */
  record Above(int column, DataType type, Object value, boolean orEqual) implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      if (stats.nulls(column) == stats.rows(column)) {
        return false;
      }
      Object upper = stats.upper(column, type);
      return upper == null || compare(upper, value) >= (orEqual ? 0 : 1);
    }
  }

  /** The column is at most, or less than, a value. */
  record Below(int column, DataType type, Object value, boolean orEqual) implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      if (stats.nulls(column) == stats.rows(column)) {
        return false;
      }
      Object lower = stats.lower(column, type);
      return lower == null || compare(lower, value) <= (orEqual ? 0 : -1);
    }
  }

  /** The column begins with these bytes. */
  record Prefix(int column, DataType type, UTF8String prefix) implements BatchFilter {
    @Override
    public boolean mayMatch(Stats stats) {
      if (stats.nulls(column) == stats.rows(column)) {
        return false;
      }
      Object lower = stats.lower(column, type);
      Object upper = stats.upper(column, type);
      return (lower == null || compareStart((UTF8String) lower) <= 0)
          && (upper == null || compare(upper, prefix) >= 0);
    }

    private int compareStart(UTF8String bound) {
      byte[] bytes = bound.getBytes();
      byte[] start = prefix.getBytes();
      return ByteArray.compareBinary(
          bytes.length <= start.length ? bytes : Arrays.copyOf(bytes, start.length), start);
    }
  }

  /** The sign of the order in which Spark compares values of types that have bounds. */
  @SuppressWarnings("unchecked")
  private static int compare(Object a, Object b) {
    int order;
    if (a instanceof Double x) {
      order = SQLOrderingUtil.compareDoubles(x, (Double) b);
    } else if (a instanceof Float x) {
      order = SQLOrderingUtil.compareFloats(x, (Float) b);
    } else if (a instanceof UTF8String x) {
      order = x.binaryCompare((UTF8String) b);
    } else {
      order = ((Comparable<Object>) a).compareTo(b);
    }
    return Integer.signum(order);
  }

  /** From Spark's predicates over the cached columns. */
  final class Translator {
    private final List<Attribute> columns;

    private Translator(List<Attribute> columns) {
      this.columns = columns;
    }

    private @Nullable BatchFilter translate(Expression predicate) {
      if (predicate instanceof And and) {
        BatchFilter left = translate(and.left());
        BatchFilter right = translate(and.right());
        return left == null ? right : right == null ? left : new Both(left, right);
      } else if (predicate instanceof Or or) {
        BatchFilter left = translate(or.left());
        BatchFilter right = translate(or.right());
        return left == null || right == null ? null : new Either(left, right);
      } else if (predicate instanceof IsNull isNull) {
        int column = columnOf(isNull.child());
        return column < 0 ? null : new Null(column);
      } else if (predicate instanceof IsNotNull isNotNull) {
        int column = columnOf(isNotNull.child());
        return column < 0 ? null : new NotNull(column);
      } else if (predicate instanceof EqualTo equal) {
        return equal(equal.left(), equal.right());
      } else if (predicate instanceof EqualNullSafe equal) {
        return equalNullSafe(equal.left(), equal.right());
      } else if (predicate instanceof LessThan less) {
        return less(less.left(), less.right(), false);
      } else if (predicate instanceof LessThanOrEqual less) {
        return less(less.left(), less.right(), true);
      } else if (predicate instanceof GreaterThan greater) {
        return less(greater.right(), greater.left(), false);
      } else if (predicate instanceof GreaterThanOrEqual greater) {
        return less(greater.right(), greater.left(), true);
      } else if (predicate instanceof In in) {
        return in(in);
      } else if (predicate instanceof StartsWith startsWith) {
        return startsWith(startsWith);
      }
      return null;
    }

    private @Nullable BatchFilter equal(Expression left, Expression right) {
      return left instanceof Literal
          ? comparison(right, left, true, true, true)
          : comparison(left, right, true, true, true);
    }

    private @Nullable BatchFilter equalNullSafe(Expression left, Expression right) {
      Expression column = left instanceof Literal ? right : left;
      Expression value = left instanceof Literal ? left : right;
      if (value instanceof Literal literal && literal.value() == null) {
        int index = columnOf(column);
        return index < 0 ? null : new Null(index);
      }
      return equal(left, right);
    }

    private @Nullable BatchFilter less(Expression small, Expression large, boolean orEqual) {
      return small instanceof Literal
          ? comparison(large, small, true, false, orEqual)
          : comparison(small, large, false, true, orEqual);
    }

    /** Above the value, below it, or both. */
    private @Nullable BatchFilter comparison(
        Expression child, Expression constant, boolean above, boolean below, boolean orEqual) {
      int column = columnOf(child);
      if (column < 0
          || !(constant instanceof Literal literal)
          || !literal.dataType().equals(child.dataType())
          || !EntryStats.hasBounds(literal.dataType())) {
        return null;
      }
      Object value = literal.value();
      if (value == null) {
        return new Nothing();
      }
      BatchFilter isAbove = new Above(column, literal.dataType(), value, orEqual);
      BatchFilter isBelow = new Below(column, literal.dataType(), value, orEqual);
      return above && below ? new Both(isAbove, isBelow) : above ? isAbove : isBelow;
    }

    private @Nullable BatchFilter in(In in) {
      BatchFilter any = new Nothing();
      for (Expression value : CollectionConverters.asJava(in.list())) {
        BatchFilter equal = equal(in.value(), value);
        if (equal == null) {
          return null;
        }
        any = new Either(any, equal);
      }
      return any;
    }

    private @Nullable BatchFilter startsWith(StartsWith startsWith) {
      int column = columnOf(startsWith.left());
      if (column < 0
          || !(startsWith.right() instanceof Literal literal)
          || !literal.dataType().equals(startsWith.left().dataType())
          || !EntryStats.hasBounds(literal.dataType())) {
        return null;
      }
      return literal.value() instanceof UTF8String prefix
          ? new Prefix(column, literal.dataType(), prefix)
          : new Nothing();
    }

    /** Index of the cached column that the expression is, or -1. */
    private int columnOf(Expression expression) {
      if (expression instanceof AttributeReference reference) {
        for (int i = 0; i < columns.size(); i++) {
          if (columns.get(i).exprId().equals(reference.exprId())) {
            return i;
          }
        }
      }
      return -1;
    }
  }
}
