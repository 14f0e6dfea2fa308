// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.ArrowSchemas.InvalidSchemaException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Decimal;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * The end of an entry's file: schema, metadata, where the batches are. All accesses go to a buffer
 * on the heap with checked bounds; damaged flatbuffers may throw any runtime exception, which
 * {@link #read} turns into {@link CorruptEntryException}.
 *
 * @param precision of columns that need not be exact; empty if all are
 * @param encodings of columns that are stored in less than their types need
 * @param blocks where the batches are, ascending and without gaps
 * @param dictionaries likewise, behind the batches: one of each column that has one, in order
 * @param position where the footer begins
 */
record EntryFooter(
    StructType schema,
    ColumnLayout.Batch layout,
    Map<String, String> metadata,
    String stats,
    List<ColumnPrecision> precision,
    SortedMap<Integer, ColumnLayout.Kind> encodings,
    List<BlockAt> blocks,
    List<BlockAt> dictionaries,
    long position) {
  /** Length of the footer and the magic behind it. */
  private static final int TAIL = Integer.BYTES + 6;

  /** The magic at the start is padded to eight bytes. */
  private static final int HEAD = 8;

  /** A message begins with a continuation marker and its length. */
  static final int MESSAGE_PREFIX = 8;

  /** Marks the end of the messages: continuation, and a length of zero. */
  private static final int END_OF_STREAM = 8;

  /**
   * A batch in the file: its message, then its body.
   *
   * @param messageLength with the prefix of the message
   */
  record BlockAt(long position, int messageLength, long bodyLength) {}

  /** A footer that contradicts itself, or is none of this codec. */
  private static final class InvalidFooterException extends Exception {
    private static final long serialVersionUID = 1L;

    InvalidFooterException(String message) {
      this(message, null);
    }

    InvalidFooterException(String message, @Nullable Throwable cause) {
      super(message, cause);
    }

    @Override
    public String getMessage() {
      return String.valueOf(super.getMessage());
    }
  }

  static EntryFooter read(Path file, SeekableByteChannel channel, long size) throws IOException {
    if (size < HEAD + END_OF_STREAM + TAIL) {
      throw new CorruptEntryException(file, size, "it ends, which is too early");
    }
    ByteBuffer tail = readFully(file, channel, size - TAIL, TAIL);
    int length = tail.getInt();
    if (!startsWithMagic(tail) || !startsWithMagic(readFully(file, channel, 0, HEAD))) {
      throw new CorruptEntryException(
          file, size - TAIL, "it does not end, or begin, as an Arrow file does");
    }
    long position = size - TAIL - length;
    if (length <= 0 || position < HEAD + END_OF_STREAM) {
      throw new CorruptEntryException(
          file, size - TAIL, "its footer is said to have " + length + " bytes");
    }
    ByteBuffer bytes = readFully(file, channel, position, length);
    try {
      return parse(Footer.getRootAsFooter(bytes), position);
    } catch (InvalidFooterException e) {
      throw new CorruptEntryException(file, position, e.getMessage(), e);
    } catch (RuntimeException e) {
      throw new CorruptEntryException(file, position, "its footer is damaged", e);
    }
  }

  private static EntryFooter parse(Footer footer, long position) throws InvalidFooterException {
    Schema schema = footer.schema();
    if (schema == null
        || footer.version() != MetadataVersion.V5
        || schema.endianness() != Endianness.Little) {
      throw new InvalidFooterException("its footer is not one this codec writes");
    }
    Map<String, String> metadata = new HashMap<>();
    for (int i = 0; i < schema.customMetadataLength(); i++) {
      put(metadata, schema.customMetadata(i));
    }
    Map<String, String> ofFooter = new HashMap<>();
    for (int i = 0; i < footer.customMetadataLength(); i++) {
      put(ofFooter, footer.customMetadata(i));
    }
    String format = metadata.remove(ArrowSchemas.FORMAT_KEY);
    String json = metadata.remove(ArrowSchemas.SCHEMA_KEY);
    String stats = ofFooter.get(ArrowSchemas.STATS_KEY);
    if (!ArrowSchemas.FORMAT.equals(format) || json == null || stats == null) {
      throw new InvalidFooterException(
          "it is an Arrow file, but not an entry in format " + ArrowSchemas.FORMAT);
    }
    StructType sparkSchema = parseSchema(json);
    String lowered = ofFooter.get(ArrowSchemas.PRECISION_KEY);
    List<ColumnPrecision> precision =
        lowered == null ? List.of() : ColumnPrecision.decode(lowered, sparkSchema);
    String encoded = ofFooter.get(ArrowSchemas.ENCODINGS_KEY);
    SortedMap<Integer, ColumnLayout.Kind> encodings =
        encoded == null ? new TreeMap<>() : Encodings.decode(encoded, sparkSchema);
    ColumnLayout.Batch layout =
        ColumnLayout.Batch.of(
            sparkSchema, ColumnPrecision.stored(precision, sparkSchema), encodings);
    List<Field> fields = ArrowSchemas.toArrow(sparkSchema, layout, Map.of()).getFields();
    checkFields(new FieldsOf(schema), fields);
    List<BlockAt> blocks = new ArrayList<>();
    for (int i = 0; i < footer.recordBatchesLength(); i++) {
      blocks.add(at(footer.recordBatches(i)));
    }
    int batches = blocks.size();
    for (int i = 0; i < footer.dictionariesLength(); i++) {
      blocks.add(at(footer.dictionaries(i)));
    }
    if (blocks.size() - batches != Encodings.dictionaries(encodings).size()) {
      throw new InvalidFooterException("it has " + (blocks.size() - batches) + " dictionaries");
    }
    checkBlocks(blocks, position);
    return new EntryFooter(
        sparkSchema,
        layout,
        Map.copyOf(metadata),
        stats,
        precision,
        encodings,
        List.copyOf(blocks.subList(0, batches)),
        List.copyOf(blocks.subList(batches, blocks.size())),
        position);
  }

  private static StructType parseSchema(String json) throws InvalidFooterException {
    StructType schema;
    try {
      schema = ArrowSchemas.fromJson(json);
    } catch (InvalidSchemaException e) {
      throw new InvalidFooterException("its schema is no schema of Spark", e);
    }
    if (!ArrowSchemas.supportedTypes(schema)) {
      throw new InvalidFooterException("its schema has a type that is never written");
    }
    return schema;
  }

  private static BlockAt at(Block block) {
    return new BlockAt(block.offset(), block.metaDataLength(), block.bodyLength());
  }

  /** Batches and then dictionaries follow each other without a gap up to the end of the stream. */
  private static void checkBlocks(List<BlockAt> blocks, long position)
      throws InvalidFooterException {
    long end = position - END_OF_STREAM;
    for (int i = blocks.size() - 1; i >= 0; i--) {
      BlockAt at = blocks.get(i);
      if (at.position < HEAD
          || at.position > end
          || at.messageLength < MESSAGE_PREFIX
          || at.bodyLength < 0
          || at.bodyLength > EntryWriter.MAX_BODY_BYTES
          || at.position + at.messageLength + at.bodyLength != end) {
        throw new InvalidFooterException("batch " + i + " is said to be at " + at);
      }
      end = at.position;
    }
  }

  /** The fields of a schema or of a field, which flatbuffers give no common type. */
  private record FieldsOf(
      @Nullable Schema schema, org.apache.arrow.flatbuf.@Nullable Field parent) {
    FieldsOf(Schema schema) {
      this(schema, null);
    }

    int length() {
      return schema != null ? schema.fieldsLength() : parent != null ? parent.childrenLength() : 0;
    }

    org.apache.arrow.flatbuf.@Nullable Field get(int i) {
      return schema != null ? schema.fields(i) : parent != null ? parent.children(i) : null;
    }
  }

  /**
   * The fields that other readers see have to be those of Spark's schema; walks the expected tree
   * only.
   */
  private static void checkFields(FieldsOf found, List<Field> expected)
      throws InvalidFooterException {
    boolean same = found.length() == expected.size();
    for (int i = 0; same && i < expected.size(); i++) {
      org.apache.arrow.flatbuf.Field field = found.get(i);
      Field wanted = expected.get(i);
      same =
          field != null
              && wanted.getName().equals(field.name())
              && wanted.isNullable() == field.nullable()
              && wanted.getType().getTypeID().getFlatbufID() == field.typeType()
              && sameWidth(wanted.getType(), field)
              && sameDictionary(wanted.getDictionary(), field.dictionary());
      if (same) {
        checkFields(new FieldsOf(null, field), wanted.getChildren());
      }
    }
    if (!same) {
      throw new InvalidFooterException("its Arrow schema and its Spark schema differ");
    }
  }

  private static boolean sameWidth(ArrowType wanted, org.apache.arrow.flatbuf.Field field) {
    if (wanted instanceof ArrowType.FloatingPoint number) {
      FloatingPoint found = new FloatingPoint();
      field.type(found);
      return found.precision() == number.getPrecision().getFlatbufID();
    } else if (wanted instanceof ArrowType.Int number) {
      Int found = new Int();
      field.type(found);
      return found.bitWidth() == number.getBitWidth() && found.isSigned();
    } else if (wanted instanceof ArrowType.Decimal number) {
      Decimal found = new Decimal();
      field.type(found);
      return found.bitWidth() == number.getBitWidth()
          && found.precision() == number.getPrecision()
          && found.scale() == number.getScale();
    }
    return true;
  }

  private static boolean sameDictionary(
      @Nullable DictionaryEncoding wanted,
      org.apache.arrow.flatbuf.@Nullable DictionaryEncoding found) {
    if (wanted == null || found == null) {
      return wanted == null && found == null;
    }
    Int index = found.indexType();
    return found.id() == wanted.getId()
        && !found.isOrdered()
        && index != null
        && index.isSigned() == wanted.getIndexType().getIsSigned()
        && index.bitWidth() == wanted.getIndexType().getBitWidth();
  }

  private static void put(Map<String, String> map, @Nullable KeyValue entry)
      throws InvalidFooterException {
    String key = entry == null ? null : entry.key();
    String value = entry == null ? null : entry.value();
    if (key == null || value == null || map.put(key, value) != null) {
      throw new InvalidFooterException("its metadata has key '" + key + "' twice or empty");
    }
  }

  private static boolean startsWithMagic(ByteBuffer bytes) {
    byte[] found = new byte[EntryMessages.MAGIC.length];
    bytes.get(found);
    return Arrays.equals(found, EntryMessages.MAGIC);
  }

  private static ByteBuffer readFully(
      Path file, SeekableByteChannel channel, long position, int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    channel.position(position);
    while (bytes.hasRemaining()) {
      if (channel.read(bytes) < 0) {
        throw new CorruptEntryException(file, position, "it became shorter while it was read");
      }
    }
    return bytes.flip();
  }
}
