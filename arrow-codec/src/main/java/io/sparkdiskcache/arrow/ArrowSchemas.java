// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.sparkdiskcache.annotation.Internal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.IntervalUnit;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.sql.types.YearMonthIntervalType;
import org.jspecify.annotations.Nullable;

/**
 * Spark's schema in an Arrow file: as an Arrow schema for any reader, and exactly, as Spark's JSON
 * in the custom metadata, for ours. User-defined types are written as the types that store them:
 * their JSON names a class, and nothing read from a file may choose a class to load.
 */
@Internal
public final class ArrowSchemas {
  /** Custom metadata of the schema: Spark's JSON of it. */
  static final String SCHEMA_KEY = "spark.schema";

  /** Custom metadata of the schema: the version of the layout. */
  static final String FORMAT_KEY = "arrow-codec.format";

  static final String FORMAT = "1";

  /** Custom metadata of the footer: statistics of all batches, see {@link EntryStats}. */
  static final String STATS_KEY = "arrow-codec.stats";

  /** Custom metadata of the footer: columns that need not be exact, see {@link ColumnPrecision}. */
  static final String PRECISION_KEY = "arrow-codec.precision";

  /**
   * Custom metadata of the footer: columns stored in less than they need, see {@link Encodings}.
   */
  static final String ENCODINGS_KEY = "arrow-codec.encodings";

  /** Custom metadata of a field whose type Arrow does not have: what its bytes are. */
  private static final String TYPE_KEY = "arrow-codec.type";

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);

  /**
   * The last schema that was found supported, and the last that was read: one after the other, the
   * entries of a relation have the same one.
   */
  private static volatile @Nullable StructType lastSupported;

  private static volatile @Nullable Read lastRead;

  /** A schema and the text it was read from. */
  private record Read(String json, StructType schema) {}

  private ArrowSchemas() {}

  /** Empty if every column can be carried exactly; else a sentence with the column and its type. */
  @SuppressWarnings("ReferenceEquality") // this very one: comparing takes as long as looking
  public static Optional<String> unsupportedReason(StructType schema) {
    if (schema == lastSupported) {
      return Optional.empty();
    }
    for (StructField field : schema.fields()) {
      Optional<String> reason = unsupportedType(field.dataType(), quote(field.name()));
      if (reason.isPresent()) {
        return reason;
      }
    }
    StructType stored = ColumnLayout.storageSchema(schema);
    try {
      // A file holds UTF-8: a name with half a surrogate pair would come back as another.
      byte[] json = toJson(stored).getBytes(StandardCharsets.UTF_8);
      String utf8 = new String(json, StandardCharsets.UTF_8);
      if (!fromJson(utf8).equals(stored)) {
        return Optional.of(
            "The schema changes when written as JSON and read again: " + stored.catalogString());
      }
    } catch (InvalidSchemaException e) {
      return Optional.of(
          "The schema cannot be written as JSON and read again ("
              + e.getMessage()
              + "): "
              + stored.catalogString());
    }
    lastSupported = schema;
    return Optional.empty();
  }

  /** {@link #unsupportedReason} without the check of names and field metadata. */
  static boolean supportedTypes(StructType schema) {
    for (StructField field : schema.fields()) {
      if (unsupportedType(field.dataType(), "").isPresent()) {
        return false;
      }
    }
    return true;
  }

  private static Optional<String> unsupportedType(DataType declared, String path) {
    DataType type = ColumnLayout.storageType(declared);
    if (type instanceof ArrayType array) {
      return unsupportedType(array.elementType(), path + ".element");
    } else if (type instanceof MapType map) {
      return unsupportedType(map.keyType(), path + ".key")
          .or(() -> unsupportedType(map.valueType(), path + ".value"));
    } else if (type instanceof StructType struct) {
      for (StructField field : struct.fields()) {
        Optional<String> reason =
            unsupportedType(field.dataType(), path + "." + quote(field.name()));
        if (reason.isPresent()) {
          return reason;
        }
      }
      return Optional.empty();
    }
    return ColumnLayout.kindOf(type) == null
        ? Optional.of(
            "Column " + path + " has type " + declared + ", which Arrow cannot hold exactly")
        : Optional.empty();
  }

  /** The Arrow schema of a storage schema; the caller's metadata may not use the codec's keys. */
  static Schema toArrow(
      StructType schema, ColumnLayout.Batch layout, Map<String, String> metadata) {
    Map<String, String> custom = new HashMap<>(metadata);
    try {
      put(custom, SCHEMA_KEY, toJson(schema));
    } catch (InvalidSchemaException e) {
      throw new IllegalArgumentException("Cannot write " + schema.catalogString() + " as JSON", e);
    }
    put(custom, FORMAT_KEY, FORMAT);
    return new Schema(fields(schema, layout.columns()), custom);
  }

  /**
   * JSON that {@link DataType#fromJson} reads. Not {@link DataType#json()}: that puts collations
   * aside under a path of names, where two fields of one name, or of none, cannot be told apart.
   */
  private static String toJson(StructType schema) throws InvalidSchemaException {
    try {
      return JSON.writeValueAsString(jsonOf(schema));
    } catch (JsonProcessingException | RuntimeException e) {
      throw new InvalidSchemaException(e.getMessage(), e);
    }
  }

  private static JsonNode jsonOf(DataType type) throws JsonProcessingException {
    ObjectNode node = JSON.createObjectNode();
    if (type instanceof ArrayType array) {
      node.put("type", "array");
      node.set("elementType", jsonOf(array.elementType()));
      return node.put("containsNull", array.containsNull());
    } else if (type instanceof MapType map) {
      node.put("type", "map");
      node.set("keyType", jsonOf(map.keyType()));
      node.set("valueType", jsonOf(map.valueType()));
      return node.put("valueContainsNull", map.valueContainsNull());
    } else if (type instanceof StructType struct) {
      ArrayNode fields = node.put("type", "struct").putArray("fields");
      for (StructField field : struct.fields()) {
        ObjectNode json = fields.addObject().put("name", field.name());
        json.set("type", jsonOf(field.dataType()));
        json.put("nullable", field.nullable());
        json.set("metadata", JSON.readTree(field.metadata().json()));
      }
      return node;
    }
    return type instanceof StringType string && string.collationId() != 0
        ? TextNode.valueOf(string.typeName())
        : JSON.readTree(type.json());
  }

  /** The schema of {@link #toJson}; refuses whatever would load a class. */
  static StructType fromJson(String json) throws InvalidSchemaException {
    Read last = lastRead;
    if (last != null && last.json.equals(json)) {
      return last.schema;
    }
    DataType type;
    try {
      checkType(JSON.readTree(json));
      type = DataType.fromJson(json);
    } catch (InvalidSchemaException e) {
      throw e;
    } catch (Exception e) {
      // Spark's parser is Scala and throws checked exceptions undeclared: of a collation that has
      // no
      // name, for one.
      throw new InvalidSchemaException(e.getMessage(), e);
    }
    if (type instanceof StructType schema) {
      lastRead = new Read(json, schema);
      return schema;
    }
    throw new InvalidSchemaException("not a struct", null);
  }

  /** A schema that cannot be read; the caller knows the file to name. */
  static final class InvalidSchemaException extends Exception {
    private static final long serialVersionUID = 1L;

    InvalidSchemaException(@Nullable String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** Accepts names of types and the three nested forms, in the places where types stand. */
  private static void checkType(@Nullable JsonNode type) throws InvalidSchemaException {
    if (type != null && type.isTextual()) {
      return;
    }
    String form = type == null ? "" : type.path("type").asText();
    if (type != null && form.equals("struct")) {
      for (JsonNode field : type.path("fields")) {
        checkType(field.get("type"));
      }
    } else if (type != null && form.equals("array")) {
      checkType(type.get("elementType"));
    } else if (type != null && form.equals("map")) {
      checkType(type.get("keyType"));
      checkType(type.get("valueType"));
    } else {
      throw new InvalidSchemaException("no type of a stored schema: '" + form + "'", null);
    }
  }

  private static List<Field> fields(StructType struct, List<ColumnLayout> columns) {
    List<Field> fields = new ArrayList<>(columns.size());
    for (int i = 0; i < columns.size(); i++) {
      fields.add(field(struct.fields()[i].name(), columns.get(i)));
    }
    return fields;
  }

  /** A column as Arrow describes it. */
  static Field field(String name, ColumnLayout column) {
    return new Field(
        name,
        new FieldType(
            column.nullable,
            arrowType(column),
            dictionary(column),
            column.kind == ColumnLayout.Kind.BFLOAT16 ? Map.of(TYPE_KEY, "bfloat16") : null),
        children(column));
  }

  /** Known by the number of the column's node, which no other column has. */
  private static @Nullable DictionaryEncoding dictionary(ColumnLayout column) {
    return column.kind.isDictionary()
        ? new DictionaryEncoding(
            column.node,
            false,
            new ArrowType.Int(
                column.kind.width * Byte.SIZE, column.kind != ColumnLayout.Kind.DICTIONARY16))
        : null;
  }

  private static List<Field> children(ColumnLayout column) {
    if (column.type instanceof ArrayType) {
      return List.of(field("element", column.children.get(0)));
    } else if (column.type instanceof MapType) {
      return List.of(field("entries", column.children.get(0)));
    } else if (column.type instanceof CalendarIntervalType) {
      return List.of(
          field("months", column.children.get(0)),
          field("days", column.children.get(1)),
          field("microseconds", column.children.get(2)));
    } else if (column.type instanceof VariantType) {
      FieldType tagged =
          new FieldType(false, ArrowType.Binary.INSTANCE, null, Map.of("variant", "true"));
      return List.of(
          field("value", column.children.get(0)), new Field("metadata", tagged, List.of()));
    } else if (column.type instanceof StructType struct) {
      return distinctNames(fields(struct, column.children));
    }
    return List.of();
  }

  /** Arrow's Java reader finds the children of a struct by name: duplicates get a number. */
  private static List<Field> distinctNames(List<Field> fields) {
    Set<String> names = new HashSet<>();
    for (Field field : fields) {
      names.add(field.getName());
    }
    if (names.size() == fields.size()) {
      return fields;
    }
    Set<String> used = new HashSet<>();
    List<Field> distinct = new ArrayList<>(fields.size());
    for (Field field : fields) {
      String name = field.getName();
      int number = 1;
      while (!used.add(name)) {
        do {
          name = field.getName() + "_" + number++;
        } while (names.contains(name));
      }
      distinct.add(new Field(name, field.getFieldType(), field.getChildren()));
    }
    return distinct;
  }

  private static ArrowType arrowType(ColumnLayout column) {
    DataType type = column.type;
    return switch (column.kind) {
      case BOOLEAN -> ArrowType.Bool.INSTANCE;
      case INT8 -> new ArrowType.Int(8, true);
      case INT16 -> new ArrowType.Int(16, true);
      case INT32 ->
          type instanceof DateType
              ? new ArrowType.Date(DateUnit.DAY)
              : type instanceof YearMonthIntervalType
                  ? new ArrowType.Interval(IntervalUnit.YEAR_MONTH)
                  : new ArrowType.Int(32, true);
      case INT64 -> arrowLong(type);
      case FLOAT16 -> new ArrowType.FloatingPoint(FloatingPointPrecision.HALF);
      case BFLOAT16 -> new ArrowType.FixedSizeBinary(Short.BYTES);
      case FLOAT32 -> new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);
      case FLOAT64 -> new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);
      case DECIMAL, DECIMAL64, DECIMAL32 -> {
        DecimalType decimal = (DecimalType) type;
        int precision = Math.min(decimal.precision(), Encodings.digits(column.kind));
        yield new ArrowType.Decimal(precision, decimal.scale(), column.kind.width * Byte.SIZE);
      }
      case STRING, DICTIONARY8, DICTIONARY16, DICTIONARY32 -> ArrowType.Utf8.INSTANCE;
      case BINARY -> ArrowType.Binary.INSTANCE;
      case LIST -> ArrowType.List.INSTANCE;
      case MAP -> new ArrowType.Map(false);
      case STRUCT -> ArrowType.Struct.INSTANCE;
      case NULL -> ArrowType.Null.INSTANCE;
    };
  }

  private static ArrowType arrowLong(DataType type) {
    if (type instanceof TimestampType) {
      return new ArrowType.Timestamp(TimeUnit.MICROSECOND, "UTC");
    } else if (type instanceof TimestampNTZType) {
      return new ArrowType.Timestamp(TimeUnit.MICROSECOND, null);
    } else if (LaterTypes.isTime(type)) {
      return new ArrowType.Time(TimeUnit.NANOSECOND, 64);
    } else if (type instanceof DayTimeIntervalType) {
      return new ArrowType.Duration(TimeUnit.MICROSECOND);
    }
    return new ArrowType.Int(64, true);
  }

  private static void put(Map<String, String> custom, String key, String value) {
    if (custom.put(key, value) != null) {
      throw new IllegalArgumentException(
          "Cannot use metadata key '" + key + "': it is the codec's own; choose another");
    }
  }

  private static String quote(String name) {
    return "`" + name.replace("`", "``") + "`";
  }
}
