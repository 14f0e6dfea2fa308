// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.math.BigDecimal;
import java.math.BigInteger;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Decimals of every precision, of 128 bits or as many as the values need. */
@Internal
public final class DecimalColumn extends MappedColumn {
  /** 10 to the 18th: from here on Spark does not keep a decimal as a long. */
  private static final long LONG_LIMIT = 1_000_000_000_000_000_000L;

  private final long data;
  private final int width;

  DecimalColumn(Slots slots, long data, int width) {
    super(slots);
    this.data = data;
    this.width = width;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(
        slots,
        width == 16 ? Kind.DECIMAL : width == 8 ? Kind.DECIMAL64 : Kind.DECIMAL32,
        Kind.DECIMAL,
        data);
  }

  @Override
  @SuppressWarnings("NullAway") // null for null is what Spark asks for; its class is unannotated
  public @Nullable Decimal getDecimal(int rowId, int precision, int scale) {
    if (isNullAt(rowId)) {
      return null;
    }
    if (width == Long.BYTES) {
      return Decimal.createUnsafe(
          Platform.getLong(null, data + ((long) rowId << 3)), precision, scale);
    } else if (width == Integer.BYTES) {
      return Decimal.createUnsafe(
          Platform.getInt(null, data + ((long) rowId << 2)), precision, scale);
    }
    long at = data + ((long) rowId << 4);
    long low = Platform.getLong(null, at);
    long high = Platform.getLong(null, at + Long.BYTES);
    if (high == low >> (Long.SIZE - 1) && low > -LONG_LIMIT && low < LONG_LIMIT) {
      return Decimal.createUnsafe(low, precision, scale);
    }
    return large(high, low, precision, scale);
  }

  private static Decimal large(long high, long low, int precision, int scale) {
    BigInteger unscaled =
        BigInteger.valueOf(high)
            .shiftLeft(Long.SIZE)
            .or(BigInteger.valueOf(low).and(UNSIGNED_LONG));
    return Decimal.apply(new BigDecimal(unscaled, scale), precision, scale);
  }

  private static final BigInteger UNSIGNED_LONG =
      BigInteger.ONE.shiftLeft(Long.SIZE).subtract(BigInteger.ONE);
}
