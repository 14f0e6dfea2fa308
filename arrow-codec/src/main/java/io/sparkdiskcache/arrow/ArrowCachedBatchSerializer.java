// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.ExprId;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.columnar.SimpleMetricsCachedBatchSerializer;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.storage.StorageLevel;
import scala.Function2;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction2;

/**
 * The reading half of Spark's cache: turns {@link ArrowCachedBatch}es into vectors or rows,
 * selected columns only, and skips batches by their statistics. Whoever makes the batches refers to
 * their entries until the task ends, for strings that outlive their vectors.
 */
@Internal
public final class ArrowCachedBatchSerializer extends SimpleMetricsCachedBatchSerializer {
  private static final long serialVersionUID = 1L;

  private static final String READS_ONLY =
      "Cannot convert %s to cached batches: entries are written with EntryWriter, by the relation"
          + " that knows their keys; this serializer reads them";

  private final boolean columnarOutput;
  private final boolean lowered;

  /** Hands columns to whoever takes them. */
  public ArrowCachedBatchSerializer() {
    this(true, false);
  }

  /**
   * @param columnarOutput false to hand rows even to consumers that take columns
   * @param lowered whether the entries have columns that need not be exact, see {@link
   *     MappedEntry#precision}
   */
  public ArrowCachedBatchSerializer(boolean columnarOutput, boolean lowered) {
    this.columnarOutput = columnarOutput;
    this.lowered = lowered;
  }

  @Override
  public boolean supportsColumnarInput(Seq<Attribute> schema) {
    return false;
  }

  @Override
  public RDD<CachedBatch> convertInternalRowToCachedBatch(
      RDD<InternalRow> input, Seq<Attribute> schema, StorageLevel storageLevel, SQLConf conf) {
    throw new UnsupportedOperationException(String.format(READS_ONLY, "rows"));
  }

  @Override
  public RDD<CachedBatch> convertColumnarBatchToCachedBatch(
      RDD<ColumnarBatch> input, Seq<Attribute> schema, StorageLevel storageLevel, SQLConf conf) {
    throw new UnsupportedOperationException(String.format(READS_ONLY, "columnar batches"));
  }

  @Override
  public boolean supportsColumnarOutput(StructType schema) {
    return columnarOutput && ArrowSchemas.supportedTypes(schema);
  }

  /** The final classes of our vectors, so that generated code need not dispatch. */
  @Override
  public Option<Seq<String>> vectorTypes(Seq<Attribute> attributes, SQLConf conf) {
    List<String> names = new ArrayList<>();
    for (Attribute attribute : CollectionConverters.asJava(attributes)) {
      ColumnLayout.Kind kind = ColumnLayout.kindOf(ColumnLayout.storageType(attribute.dataType()));
      if (kind == null) {
        return Option.empty();
      }
      names.add(vectorClass(kind).getName());
    }
    return Option.apply(CollectionConverters.asScala(names).toSeq());
  }

  private Class<? extends MappedColumn> vectorClass(ColumnLayout.Kind kind) {
    return switch (kind) {
      case BOOLEAN -> BooleanColumn.class;
      case INT8 -> ByteColumn.class;
      case INT16 -> ShortColumn.class;
      case INT32 -> IntColumn.class;
      case INT64 -> LongColumn.class;
      case FLOAT16, BFLOAT16 -> LoweredColumn.class;
      case FLOAT32 -> lowered ? LoweredColumn.class : FloatColumn.class;
      case FLOAT64 -> lowered ? LoweredColumn.class : DoubleColumn.class;
      case DECIMAL, DECIMAL64, DECIMAL32 -> DecimalColumn.class;
      case STRING, DICTIONARY8, DICTIONARY16, DICTIONARY32 -> StringColumn.class;
      case BINARY -> BinaryColumn.class;
      case LIST -> ListColumn.class;
      case MAP -> MapColumn.class;
      case STRUCT -> StructColumn.class;
      case NULL -> NullColumn.class;
    };
  }

  @Override
  public RDD<ColumnarBatch> convertCachedBatchToColumnarBatch(
      RDD<CachedBatch> input,
      Seq<Attribute> cacheAttributes,
      Seq<Attribute> selectedAttributes,
      SQLConf conf) {
    Selection selection = Selection.of(cacheAttributes, selectedAttributes);
    FlatMapFunction<Iterator<CachedBatch>, ColumnarBatch> read = selection::columnar;
    return input.toJavaRDD().mapPartitions(read).rdd();
  }

  @Override
  public RDD<InternalRow> convertCachedBatchToInternalRow(
      RDD<CachedBatch> input,
      Seq<Attribute> cacheAttributes,
      Seq<Attribute> selectedAttributes,
      SQLConf conf) {
    Selection selection = Selection.of(cacheAttributes, selectedAttributes);
    FlatMapFunction<Iterator<CachedBatch>, InternalRow> read = selection::rows;
    return input.toJavaRDD().mapPartitions(read).rdd();
  }

  /** Skips batches by {@link BatchFilter}, not as the superclass does; see there why. */
  @Override
  public Function2<
          Object, scala.collection.Iterator<CachedBatch>, scala.collection.Iterator<CachedBatch>>
      buildFilter(Seq<Expression> predicates, Seq<Attribute> cachedAttributes) {
    List<Attribute> columns = CollectionConverters.asJava(cachedAttributes);
    List<BatchFilter> filters = new ArrayList<>();
    for (Expression predicate : CollectionConverters.asJava(predicates)) {
      BatchFilter.of(predicate, columns).ifPresent(filters::add);
    }
    return new Pruning(filters.toArray(new BatchFilter[0]), types(columns));
  }

  /** Drops the batches that cannot match; works on tasks, so it travels. */
  static final class Pruning
      extends AbstractFunction2<
          Object, scala.collection.Iterator<CachedBatch>, scala.collection.Iterator<CachedBatch>>
      implements Serializable {
    private static final long serialVersionUID = 1L;

    private final BatchFilter[] filters;
    private final DataType[] types;

    Pruning(BatchFilter[] filters, DataType[] types) {
      this.filters = filters;
      this.types = types;
    }

    @Override
    public scala.collection.Iterator<CachedBatch> apply(
        Object partition, scala.collection.Iterator<CachedBatch> batches) {
      return filters.length == 0 ? batches : batches.filter(b -> keeps((ArrowCachedBatch) b));
    }

    boolean keeps(ArrowCachedBatch batch) {
      checkTypes(batch.entry(), types);
      BatchFilter.Stats stats = new BatchFilter.Stats(batch.stats());
      for (BatchFilter filter : filters) {
        if (!filter.mayMatch(stats)) {
          return false;
        }
      }
      return true;
    }
  }

  /** Which columns a scan reads; travels to tasks. */
  static final class Selection implements Serializable {
    private static final long serialVersionUID = 1L;

    /** Storage types of all columns of the cache. */
    private final DataType[] cached;

    /** Index of each selected column among them. */
    private final int[] selected;

    Selection(DataType[] cached, int[] selected) {
      this.cached = cached;
      this.selected = selected;
    }

    static Selection of(Seq<Attribute> cacheAttributes, Seq<Attribute> selectedAttributes) {
      List<Attribute> cached = CollectionConverters.asJava(cacheAttributes);
      Map<ExprId, Integer> positions = new HashMap<>();
      for (Attribute column : cached) {
        positions.put(column.exprId(), positions.size());
      }
      List<Integer> selected = new ArrayList<>();
      for (Attribute wanted : CollectionConverters.asJava(selectedAttributes)) {
        Integer position = positions.get(wanted.exprId());
        if (position == null) {
          throw new IllegalArgumentException(
              "Cannot read column " + wanted + " from the cache: its columns are " + cached);
        }
        selected.add(position);
      }
      return new Selection(types(cached), selected.stream().mapToInt(i -> i).toArray());
    }

    static Selection all(StructType schema) {
      DataType[] types = new DataType[schema.length()];
      Arrays.setAll(types, i -> schema.fields()[i].dataType());
      return new Selection(types, IntStream.range(0, types.length).toArray());
    }

    Iterator<ColumnarBatch> columnar(Iterator<CachedBatch> batches) {
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return batches.hasNext();
        }

        @Override
        public ColumnarBatch next() {
          return load((ArrowCachedBatch) batches.next());
        }
      };
    }

    /** The same row object again and again, as Spark's own cache does. */
    Iterator<InternalRow> rows(Iterator<CachedBatch> batches) {
      UnsafeProjection projection = UnsafeProjection.create(rowSchema());
      return new Iterator<>() {
        private Iterator<InternalRow> current = Collections.emptyIterator();

        @Override
        public boolean hasNext() {
          while (!current.hasNext() && batches.hasNext()) {
            current = load((ArrowCachedBatch) batches.next()).rowIterator();
          }
          return current.hasNext();
        }

        @Override
        public InternalRow next() {
          if (!hasNext()) {
            throw new NoSuchElementException();
          }
          return projection.apply(current.next());
        }
      };
    }

    private StructType rowSchema() {
      StructField[] fields = new StructField[selected.length];
      for (int i = 0; i < fields.length; i++) {
        fields[i] = new StructField("c" + i, cached[selected[i]], true, Metadata.empty());
      }
      return new StructType(fields);
    }

    private ColumnarBatch load(ArrowCachedBatch batch) {
      checkTypes(batch.entry(), cached);
      try {
        MappedColumn[] columns = new MappedColumn[selected.length];
        for (int i = 0; i < columns.length; i++) {
          columns[i] = batch.column(selected[i]);
        }
        return new ColumnarBatch(columns, batch.numRows());
      } catch (CorruptEntryException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static DataType[] types(List<Attribute> columns) {
    return columns.stream()
        .map(column -> ColumnLayout.storageType(column.dataType()))
        .toArray(DataType[]::new);
  }

  /** An entry of another schema would be read as garbage; this is the last place to notice. */
  private static void checkTypes(MappedEntry entry, DataType[] types) {
    StructField[] fields = entry.schema().fields();
    boolean same = fields.length == types.length;
    for (int i = 0; same && i < types.length; i++) {
      same = ColumnLayout.sameValues(fields[i].dataType(), types[i]);
    }
    if (!same) {
      throw new IllegalStateException(
          "Cannot read "
              + entry.file()
              + " as the columns of this cache: it holds "
              + entry.schema().catalogString()
              + "; the entry was found under the wrong key");
    }
  }
}
