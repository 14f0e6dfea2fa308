// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.fingerprint.LogicalRdds;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoUse;
import io.sparkdiskcache.store.Selector;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.types.DataTypeUtils;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import scala.Tuple3;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * The SQL face of {@link DiskCache}: functions that return tables. They run when their rows are
 * first asked for, once for each place of a query: planning and explaining one runs nothing.
 *
 * <p>On a server several users have sessions over one cache. The setting {@code
 * spark.diskcache.sql.functions} of the application tells what a session may see and remove; no
 * session can change it.
 */
final class TableFunctions {
  private static final StructType ENTRIES =
      new StructType()
          .add("key", DataTypes.StringType, false)
          .add("relation", DataTypes.StringType, false)
          .add("description", DataTypes.StringType, false)
          .add("tag", DataTypes.StringType, false)
          .add("application", DataTypes.StringType, false)
          .add("partition", DataTypes.IntegerType, false)
          .add("rows", DataTypes.LongType, false)
          .add("bytes", DataTypes.LongType, false)
          .add("compute_ms", DataTypes.LongType, false)
          .add("created", DataTypes.TimestampType, false)
          .add("hits", DataTypes.LongType, false);

  private static final StructType STATS =
      new StructType()
          .add("name", DataTypes.StringType, false)
          .add("value", DataTypes.StringType, false);

  private static final StructType MEMO =
      new StructType()
          .add("day", DataTypes.StringType, false)
          .add("function", DataTypes.StringType, false)
          .add("version", DataTypes.StringType, false)
          .add("tag", DataTypes.StringType, false)
          .add("calls", DataTypes.LongType, false)
          .add("hits", DataTypes.LongType, false)
          .add("errors", DataTypes.LongType, false)
          .add("unkept", DataTypes.LongType, false)
          .add("seconds_spent", DataTypes.DoubleType, false)
          .add("seconds_saved", DataTypes.DoubleType, false)
          .add("money_spent", DataTypes.DoubleType, false)
          .add("money_saved", DataTypes.DoubleType, false);

  private static final double NANOS_OF_SECOND = 1e9;
  private static final int NO_PARTITION = -1;

  private TableFunctions() {}

  static void register(SparkSessionExtensions extensions) {
    inject(extensions, "diskcache_entries", ENTRIES, view -> rows(view.entries()));
    inject(extensions, "diskcache_stats", STATS, view -> stats("", view.cache().stats()));
    inject(extensions, "diskcache_memo", MEMO, view -> memo(view.memoStats()));
    inject(
        extensions, "diskcache_evict", ENTRIES, TableFunctions::checkEvict, TableFunctions::evict);
  }

  /**
   * {@code diskcache_evict(selector[, dry_run])}: the entries that were removed, or would be; on a
   * cluster those of the driver's host are listed, and those of other hosts removed as well.
   */
  private static List<Row> evict(SessionView view, List<Object> arguments) {
    String selector = (String) arguments.get(0);
    List<Entry> selected = view.select(selector);
    List<MemoEntry> memo = view.selectMemo(selector);
    if (arguments.size() == 1 || arguments.get(1).equals(false)) {
      view.evict(selector, selected, memo);
    }
    List<Row> rows = rows(selected);
    rows.addAll(memoRows(memo));
    return rows;
  }

  private static void checkEvict(List<Object> arguments) {
    if (arguments.isEmpty()
        || arguments.size() > 2
        || !(arguments.get(0) instanceof String selector)
        || (arguments.size() == 2 && !(arguments.get(1) instanceof Boolean))) {
      throw new IllegalArgumentException(
          "Cannot call diskcache_evict with %s: it takes a selector, such as 'tag=nightly older=7d', and whether to look only."
              .formatted(arguments));
    }
    Selector unused = Selector.parse(selector);
  }

  private static List<Row> rows(List<Entry> entries) {
    List<Row> rows = new ArrayList<>();
    for (Entry entry : entries) {
      rows.add(
          RowFactory.create(
              entry.key().hex(),
              entry.relation(),
              entry.description(),
              entry.tag(),
              entry.application(),
              entry.partition(),
              entry.rows(),
              entry.bytes(),
              entry.meta().computeTime().toMillis(),
              Timestamp.from(entry.createdAt()),
              entry.hits()));
    }
    return rows;
  }

  /** A result of a memoised function in the columns of an entry. */
  private static List<Row> memoRows(List<MemoEntry> entries) {
    List<Row> rows = new ArrayList<>();
    for (MemoEntry entry : entries) {
      rows.add(
          RowFactory.create(
              entry.key().toString(),
              entry.function().digest(),
              entry.description(),
              entry.function().tag(),
              "",
              NO_PARTITION,
              1L,
              entry.bytes(),
              entry.computeTime().toMillis(),
              Timestamp.from(entry.createdAt()),
              0L));
    }
    return rows;
  }

  private static List<Row> memo(List<MemoUse> ledger) {
    List<Row> rows = new ArrayList<>();
    for (MemoUse use : ledger) {
      rows.add(
          RowFactory.create(
              use.day(),
              use.name(),
              use.version(),
              use.tag(),
              use.calls(),
              use.hits(),
              use.errors(),
              use.unkept(),
              use.spent().toNanos() / NANOS_OF_SECOND,
              use.saved().toNanos() / NANOS_OF_SECOND,
              use.paid(),
              use.notPaid()));
    }
    return rows;
  }

  /** One row per component; those of a nested record have its name before theirs. */
  private static List<Row> stats(String prefix, Record stats) {
    List<Row> rows = new ArrayList<>();
    for (RecordComponent component : stats.getClass().getRecordComponents()) {
      Object value = valueOf(component, stats);
      if (value instanceof Record nested) {
        rows.addAll(stats(prefix + component.getName() + ".", nested));
      } else {
        rows.add(RowFactory.create(prefix + component.getName(), String.valueOf(value)));
      }
    }
    return rows;
  }

  private static Object valueOf(RecordComponent component, Record stats) {
    try {
      return component.getAccessor().invoke(stats);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("a public record lets its components be read", e);
    }
  }

  private static void inject(
      SparkSessionExtensions extensions,
      String name,
      StructType schema,
      Function<SessionView, List<Row>> rows) {
    inject(
        extensions,
        name,
        schema,
        arguments -> {
          if (!arguments.isEmpty()) {
            throw new IllegalArgumentException(
                "Cannot call %s with %d arguments: it takes none."
                    .formatted(name, arguments.size()));
          }
        },
        (view, arguments) -> rows.apply(view));
  }

  private static void inject(
      SparkSessionExtensions extensions,
      String name,
      StructType schema,
      Consumer<List<Object>> check,
      BiFunction<SessionView, List<Object>, List<Row>> rows) {
    extensions.injectTableFunction(
        new Tuple3<>(
            new FunctionIdentifier(name),
            new ExpressionInfo(DiskCache.class.getName(), name),
            new AbstractFunction1<Seq<Expression>, LogicalPlan>() {
              @Override
              public LogicalPlan apply(Seq<Expression> arguments) {
                List<Object> values =
                    CollectionConverters.asJava(arguments).stream()
                        .map(TableFunctions::constant)
                        .toList();
                check.accept(values);
                SessionView view = SessionView.of(SparkSession.active(), name);
                return LogicalRdds.of(
                    widened(DataTypeUtils.toAttributes(schema)),
                    new CallRdd(view.context(), schema, () -> rows.apply(view, values)),
                    view.session());
              }
            }));
  }

  private static Object constant(Expression argument) {
    if (!argument.foldable()) {
      throw new IllegalArgumentException(
          "Cannot use " + argument.sql() + " as an argument: it is not a constant.");
    }
    Object value = argument.eval(null);
    return value instanceof UTF8String text
        ? text.toString()
        : String.valueOf(value).equals("true");
  }

  /** A sequence of attribute references is a sequence of attributes: Scala's are covariant. */
  @SuppressWarnings("unchecked")
  private static Seq<Attribute> widened(Seq<? extends Attribute> attributes) {
    return (Seq<Attribute>) attributes;
  }
}
