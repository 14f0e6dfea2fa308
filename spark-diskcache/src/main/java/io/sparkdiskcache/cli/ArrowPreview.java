// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.FixedSizeBinaryVector;
import org.apache.arrow.vector.Float2Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.MapVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The parts of an entry that only Arrow can read. Arrow comes from Spark; where it is absent there
 * is no preview.
 *
 * @param statistics of all rows, by column
 * @param rows the first ones, their values separated by tabs, names first
 */
record ArrowPreview(Map<String, String> statistics, List<String> rows) {
  static Optional<ArrowPreview> of(Path file, int count) throws IOException {
    try {
      Class.forName(
          "org.apache.arrow.vector.ipc.ArrowFileReader", true, ArrowPreview.class.getClassLoader());
      return Optional.of(Reader.read(file, count));
    } catch (ClassNotFoundException | NoClassDefFoundError e) {
      return Optional.empty();
    }
  }

  /** Loaded only where Arrow is. */
  private static final class Reader {
    private static final String PRECISION_KEY = "arrow-codec.precision";

    static ArrowPreview read(Path file, int count) throws IOException {
      try (RootAllocator allocator = new RootAllocator();
          FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
          ArrowFileReader reader =
              new ArrowFileReader(channel, allocator, ArrowPreviewCodecs.OF_SPARK)) {
        VectorSchemaRoot batch = reader.getVectorSchemaRoot();
        Map<String, Long> nulls = new LinkedHashMap<>();
        List<String> rows = new ArrayList<>();
        batch.getSchema().getFields().forEach(field -> nulls.put(field.getName(), 0L));
        rows.add(String.join("\t", nulls.keySet()));
        long total = 0;
        int batches = 0;
        while (reader.loadNextBatch()) {
          for (FieldVector vector : batch.getFieldVectors()) {
            nulls.merge(vector.getName(), (long) vector.getNullCount(), Long::sum);
          }
          for (int row = 0; row < batch.getRowCount() && rows.size() <= count; row++) {
            rows.add(row(batch, row));
          }
          total += batch.getRowCount();
          batches++;
        }
        Map<String, String> statistics = new LinkedHashMap<>();
        statistics.put("rows", total + " in " + batches + " batches");
        nulls.forEach((name, n) -> statistics.put("nulls in " + name, Long.toString(n)));
        String precision = reader.getMetaData().getOrDefault(PRECISION_KEY, "");
        for (String column : precision.isEmpty() ? new String[0] : precision.split(";", -1)) {
          addPrecision(batch.getSchema(), column.split(":", -1), statistics);
        }
        return new ArrowPreview(statistics, rows);
      }
    }

    /** As the codec writes it: column, asked, stored, worst errors, bytes saved. */
    private static void addPrecision(
        Schema schema, String[] values, Map<String, String> statistics) {
      String name = schema.getFields().get(Integer.parseInt(values[0])).getName();
      statistics.put(
          "precision of " + name,
          "%s, stored as %s, worst error %s relative, %s absolute, %s bytes saved"
              .formatted(values[1], values[2], values[3], values[4], values[5]));
    }

    private static String row(VectorSchemaRoot batch, int row) {
      List<String> values = new ArrayList<>();
      for (FieldVector vector : batch.getFieldVectors()) {
        values.add(text(vector, row));
      }
      return String.join("\t", values);
    }

    /** As Arrow prints it, but numbers of 16 bits as numbers. */
    private static String text(FieldVector vector, int row) {
      if (vector.isNull(row)) {
        return "null";
      } else if (vector instanceof Float2Vector half) {
        return Float.toString(half.getValueAsFloat(row));
      } else if (vector instanceof FixedSizeBinaryVector bytes) {
        int upper = bytes.get(row)[1] << Byte.SIZE | (bytes.get(row)[0] & 0xff);
        return Float.toString(Float.intBitsToFloat(upper << Short.SIZE));
      } else if (vector instanceof ListVector list && !(vector instanceof MapVector)) {
        List<String> elements = new ArrayList<>();
        for (int i = list.getElementStartIndex(row); i < list.getElementEndIndex(row); i++) {
          elements.add(text(list.getDataVector(), i));
        }
        return "[" + String.join(",", elements) + "]";
      }
      return String.valueOf(vector.getObject(row));
    }
  }
}
