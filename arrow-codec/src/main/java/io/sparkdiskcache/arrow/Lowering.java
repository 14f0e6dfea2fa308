// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import io.sparkdiskcache.arrow.FixedWidthWriters.FixedWidthWriter;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.Platform;

/**
 * One column of an entry that is written with fewer bits than it was declared with. The column's
 * writer collects a batch as it is; {@link #lower} then converts it, reads every value back and
 * compares. If a finite value became infinite, or one moved further than it may, this batch and all
 * after it are kept with the next wider type: {@link Precision#FLOAT32}, then {@link
 * Precision#EXACT}. So what is in an entry before the first batch that does not fit is rounded more
 * than what follows.
 *
 * <p>Infinities, both zeros and nulls are kept by every type, subnormals are rounded like any
 * number; NaN stays NaN, without its sign and payload unless it is kept exactly.
 */
final class Lowering implements AutoCloseable {
  private final int column;
  private final String name;
  private final FixedWidthWriter values;
  private final boolean hasBounds;
  private final Precision asked;
  private final PrecisionPolicy policy;
  private final GrowableBuffer narrow;
  private Precision stored;
  private double worstRelative;
  private double worstAbsolute;
  private long count;

  private Lowering(
      int column,
      String name,
      ColumnWriter writer,
      Precision asked,
      PrecisionPolicy policy,
      BufferAllocator allocator) {
    this.column = column;
    this.name = name;
    this.hasBounds = writer instanceof FixedWidthWriter;
    this.values = leaf(writer);
    this.asked = asked;
    this.stored = asked;
    this.policy = policy;
    this.narrow = new GrowableBuffer(allocator);
  }

  /**
   * Those of the columns that the policy means.
   *
   * @param asked precision of every column
   * @param allocator lends memory until {@link #close}
   */
  static List<Lowering> of(
      StructType schema,
      List<ColumnWriter> columns,
      List<Precision> asked,
      PrecisionPolicy policy,
      BufferAllocator allocator) {
    List<Lowering> lowerings = new ArrayList<>();
    for (int i = 0; i < asked.size(); i++) {
      if (asked.get(i) != Precision.EXACT) {
        lowerings.add(
            new Lowering(
                i, schema.fields()[i].name(), columns.get(i), asked.get(i), policy, allocator));
      }
    }
    return lowerings;
  }

  private static FixedWidthWriter leaf(ColumnWriter writer) {
    return writer instanceof FixedWidthWriter fixed ? fixed : leaf(writer.children().get(0));
  }

  int column() {
    return column;
  }

  /** The precision of the last batch; never narrower than that of one before it. */
  Precision stored() {
    return stored;
  }

  /** Converts the batch that the writer holds. */
  void lower() {
    while (stored != Precision.EXACT && !fits(stored.kind(kind()))) {
      stored =
          stored == Precision.FLOAT32 || kind() == Kind.FLOAT32
              ? Precision.EXACT
              : Precision.FLOAT32;
    }
    count += values.count();
  }

  private Kind kind() {
    return values.layout.kind;
  }

  private boolean fits(Kind narrowKind) {
    int slots = values.count();
    narrow.ensure((long) slots * narrowKind.width);
    double relative = worstRelative;
    double absolute = worstAbsolute;
    long to = narrow.address();
    for (int slot = 0; slot < slots; slot++, to += narrowKind.width) {
      double value = get(kind(), values.address(slot));
      put(narrowKind, to, value);
      double kept = get(narrowKind, to);
      if (kept == value || Double.isNaN(value)) {
        continue;
      }
      double error = Math.abs(value - kept);
      double share = error / Math.abs(value);
      if (Double.isInfinite(kept)
          || !(error <= policy.maxAbsoluteError() && share <= policy.maxRelativeError())) {
        return false;
      }
      if (error > absolute) {
        absolute = error;
      }
      if (share > relative) {
        relative = share;
      }
    }
    worstAbsolute = absolute;
    worstRelative = relative;
    if (hasBounds) {
      replaceValues(narrowKind);
    }
    return true;
  }

  /** Statistics are taken of the values that are stored: a filter is asked about those. */
  private void replaceValues(Kind narrowKind) {
    for (int slot = 0; slot < values.count(); slot++) {
      double kept = get(narrowKind, narrow.address() + (long) slot * narrowKind.width);
      put(kind(), values.address(slot), kept);
    }
  }

  /** Puts the converted buffer in the place of the one that the writer has collected. */
  void collect(List<ArrowBuf> buffers) {
    if (stored != Precision.EXACT) {
      long bytes = (long) values.count() * stored.kind(kind()).width;
      buffers.set(values.layout.buffer + 1, narrow.view(bytes));
    }
  }

  /** Of all batches so far, if they are stored with the precision of the last. */
  ColumnPrecision report() {
    return new ColumnPrecision(
        column,
        name,
        asked,
        stored,
        worstRelative,
        worstAbsolute,
        count * (kind().width - stored.kind(kind()).width));
  }

  @Override
  public void close() {
    narrow.close();
  }

  /** A slot as double, which holds every number of each kind. */
  static double get(Kind kind, long address) {
    return switch (kind) {
      case FLOAT16 -> HalfFloats.halfToFloat(Platform.getShort(null, address));
      case BFLOAT16 -> HalfFloats.bfloatToFloat(Platform.getShort(null, address));
      case FLOAT32 -> Platform.getFloat(null, address);
      case FLOAT64 -> Platform.getDouble(null, address);
      default -> throw new IllegalArgumentException("No floating-point kind: " + kind);
    };
  }

  /** Rounds to nearest, ties to even; every NaN becomes the same. */
  static void put(Kind kind, long address, double value) {
    switch (kind) {
      case FLOAT16 -> Platform.putShort(null, address, HalfFloats.doubleToHalf(value));
      case BFLOAT16 -> Platform.putShort(null, address, HalfFloats.doubleToBfloat(value));
      case FLOAT32 ->
          Platform.putFloat(null, address, Double.isNaN(value) ? Float.NaN : (float) value);
      case FLOAT64 -> Platform.putDouble(null, address, Double.isNaN(value) ? Double.NaN : value);
      default -> throw new IllegalArgumentException("No floating-point kind: " + kind);
    }
  }
}
