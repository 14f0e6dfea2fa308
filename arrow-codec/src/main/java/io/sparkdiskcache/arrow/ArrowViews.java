// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OwnershipTransferResult;
import org.apache.arrow.memory.ReferenceManager;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/**
 * Columns of a mapped entry as vectors of Arrow, for consumers that pass on buffers and not values.
 * A buffer that lies in the file as Arrow wants it is not copied: the vector borrows the mapping,
 * which lives as long as one of its buffers can be reached. Values that are stored in fewer bytes
 * are widened, column by column, into memory that is the garbage collector's: it is free when the
 * vector is not referred to any more.
 */
@Internal
public final class ArrowViews {
  private ArrowViews() {}

  /** Told of every column that is handed over. */
  public interface Listener {
    /**
     * A column of a batch was handed over.
     *
     * @param copied whether the values had to be written anew
     */
    void handed(boolean copied);
  }

  /**
   * Whether columns of a type can be handed over: those of fixed width, strings and binaries.
   *
   * @param largeOffsets whether the consumer expects strings and binaries with 64-bit offsets,
   *     which files do not have
   */
  public static boolean covers(DataType type, boolean largeOffsets) {
    if (type instanceof StringType || type instanceof BinaryType) {
      return !largeOffsets;
    }
    Kind kind = ColumnLayout.kindOf(type);
    return kind != null
        && switch (kind) {
          case BOOLEAN, INT8, INT16, FLOAT32, FLOAT64, DECIMAL -> true;
          case INT32 -> type.equals(DataTypes.IntegerType) || type instanceof DateType;
          case INT64 ->
              type.equals(DataTypes.LongType)
                  || type instanceof TimestampType
                  || type instanceof TimestampNTZType;
          default -> false;
        };
  }

  /** The batch with Arrow's vectors in place of the columns of the given numbers. */
  public static ColumnarBatch of(ColumnarBatch batch, int[] columns, Listener listener) {
    if (batch.numRows() == 0) {
      return batch;
    }
    ColumnVector[] vectors = new ColumnVector[batch.numCols()];
    Arrays.setAll(vectors, batch::column);
    for (int column : columns) {
      if (vectors[column] instanceof MappedColumn mapped) {
        Buffers buffers = mapped.arrow();
        if (buffers != null) {
          vectors[column] = new ArrowColumn(vector(mapped, buffers), mapped.dataType());
          listener.handed(buffers.copied);
        }
      }
    }
    return new ColumnarBatch(vectors, batch.numRows());
  }

  private static FieldVector vector(MappedColumn column, Buffers buffers) {
    Slots slots = column.slots;
    StructType schema = new StructType().add("column", column.dataType());
    Field field = ArrowSchemas.field("column", ColumnLayout.Batch.of(schema).columns().get(0));
    FieldVector vector = field.createVector(ArrowUtils.rootAllocator());
    ArrowBuf validity =
        slots.nulls() == 0
            ? ones(slots.count())
            : borrowed(slots.owner(), slots.validity(), ColumnWriter.bitmapBytes(slots.count()));
    ArrowFieldNode node = new ArrowFieldNode(slots.count(), slots.nulls());
    if (buffers.offsets == null) {
      vector.loadFieldBuffers(node, List.of(validity, buffers.data));
    } else {
      vector.loadFieldBuffers(node, List.of(validity, buffers.offsets, buffers.data));
    }
    return vector;
  }

  /** Whole numbers of so many bytes. */
  static Kind integers(int width) {
    return switch (width) {
      case Byte.BYTES -> Kind.INT8;
      case Short.BYTES -> Kind.INT16;
      case Integer.BYTES -> Kind.INT32;
      default -> Kind.INT64;
    };
  }

  /**
   * The buffers of a vector besides its bitmap.
   *
   * @param copied whether the buffers are not those of the file
   */
  record Buffers(@Nullable ArrowBuf offsets, ArrowBuf data, boolean copied) {

    /** Values of fixed width, as they are stored or widened; null if they are too many for that. */
    static @Nullable Buffers fixed(Slots slots, Kind stored, Kind declared, long data) {
      long length = (long) slots.count() * stored.width;
      if (stored == declared) {
        return new Buffers(null, borrowed(slots.owner(), data, length), false);
      }
      long wider = (long) slots.count() * declared.width;
      if (wider > EntryWriter.MAX_BODY_BYTES) {
        return null;
      }
      ByteBuffer wide = GarbageMemory.allocate((int) wider);
      WrittenBatches.widen(data, stored, FileMapping.address(wide), declared, length);
      return new Buffers(null, owned(wide), true);
    }

    static Buffers bits(Slots slots, long data) {
      return new Buffers(
          null, borrowed(slots.owner(), data, ColumnWriter.bitmapBytes(slots.count())), false);
    }

    /**
     * Values of any length.
     *
     * @param base what {@code data} is an offset in; null if it is an address
     */
    static Buffers bytes(Slots slots, long offsets, byte @Nullable [] base, long data) {
      long length = Platform.getInt(null, offsets + (long) slots.count() * Integer.BYTES);
      ArrowBuf ends = borrowed(slots.owner(), offsets, (slots.count() + 1L) * Integer.BYTES);
      if (base == null) {
        return new Buffers(ends, borrowed(slots.owner(), data, length), false);
      }
      ByteBuffer copy = GarbageMemory.allocate((int) length);
      Platform.copyMemory(base, data, null, FileMapping.address(copy), length);
      return new Buffers(ends, owned(copy), true);
    }

    /** Strings that are numbers of a dictionary so far; null if they are too long together. */
    static @Nullable Buffers ofDictionary(
        Slots slots, StringColumn column, long offsets, long data) {
      ByteBuffer ends = GarbageMemory.allocate((slots.count() + 1) * Integer.BYTES);
      long end = 0;
      Platform.putInt(null, FileMapping.address(ends), 0);
      for (int slot = 0; slot < slots.count(); slot++) {
        if (!column.isNullAt(slot)) {
          long at = offsets + ((long) column.string(slot) << 2);
          end += Platform.getInt(null, at + Integer.BYTES) - Platform.getInt(null, at);
        }
        if (end > EntryWriter.MAX_BODY_BYTES) {
          return null;
        }
        Platform.putInt(null, FileMapping.address(ends) + (slot + 1L) * Integer.BYTES, (int) end);
      }
      ByteBuffer values = GarbageMemory.allocate((int) end);
      long to = FileMapping.address(values);
      for (int slot = 0; slot < slots.count(); slot++) {
        if (!column.isNullAt(slot)) {
          long at = offsets + ((long) column.string(slot) << 2);
          int start = Platform.getInt(null, at);
          int length = Platform.getInt(null, at + Integer.BYTES) - start;
          Platform.copyMemory(null, data + start, null, to, length);
          to += length;
        }
      }
      return new Buffers(owned(ends), owned(values), true);
    }
  }

  /** A bitmap of a column without nulls; a vector of Arrow has one all the same. */
  private static ArrowBuf ones(int slots) {
    ByteBuffer bits = GarbageMemory.allocate((int) ColumnWriter.bitmapBytes(slots));
    Platform.setMemory(FileMapping.address(bits), (byte) 0xff, bits.capacity());
    return owned(bits);
  }

  private static ArrowBuf owned(ByteBuffer memory) {
    return borrowed(memory, FileMapping.address(memory), memory.capacity());
  }

  private static ArrowBuf borrowed(Object owner, long address, long length) {
    return new ArrowBuf(new Borrowed(owner), null, length, address);
  }

  /** Counts nothing: the memory lives as long as its owner, which every buffer keeps reachable. */
  private static final class Borrowed implements ReferenceManager {
    @SuppressWarnings("UnusedVariable")
    private final Object owner;

    Borrowed(Object owner) {
      this.owner = owner;
    }

    @Override
    public int getRefCount() {
      return 1;
    }

    @Override
    public boolean release() {
      return false;
    }

    @Override
    public boolean release(int decrement) {
      return false;
    }

    @Override
    public void retain() {}

    @Override
    public void retain(int increment) {}

    @Override
    public ArrowBuf retain(ArrowBuf buffer, BufferAllocator target) {
      return buffer;
    }

    @Override
    public ArrowBuf deriveBuffer(ArrowBuf source, long index, long length) {
      return new ArrowBuf(this, null, length, source.memoryAddress() + index);
    }

    @Override
    public OwnershipTransferResult transferOwnership(ArrowBuf source, BufferAllocator target) {
      return new OwnershipTransferResult() {
        @Override
        public boolean getAllocationFit() {
          return true;
        }

        @Override
        public ArrowBuf getTransferredBuffer() {
          return source;
        }
      };
    }

    @Override
    public BufferAllocator getAllocator() {
      return ArrowUtils.rootAllocator();
    }

    @Override
    public long getSize() {
      return 0;
    }

    @Override
    public long getAccountedSize() {
      return 0;
    }
  }
}
