// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Field;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Metadata;
import org.apache.xbean.asm9.Type;

/** Encodes values of Scala's and Spark's own classes, and the instances of Scala objects. */
final class EngineValues {
  private static final String ENCODERS = "org.apache.spark.sql.catalyst.encoders.";

  private EngineValues() {}

  /** False if the value is none of these. */
  static boolean encode(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Object value, String path) {
    String name = value.getClass().getName();
    String internal = Type.getInternalName(value.getClass());
    if (value instanceof scala.reflect.ClassTag<?> tag) {
      into.tag('c');
      Type type = Type.getType(tag.runtimeClass());
      graph.type(into, type);
      graph.reflected.token(type);
      return true;
    }
    boolean module = isModule(value);
    ClassFiles.Origin origin =
        name.startsWith("scala.") || name.startsWith("org.apache.spark.") || module
            ? graph.files.origin(internal)
            : ClassFiles.Origin.LIBRARY;
    if (module && origin == ClassFiles.Origin.APPLICATION) {
      into.tag('m');
      graph.classRef(into, internal);
      graph.later("module " + internal, () -> graph.readStatic(internal, "MODULE$", path));
      return true;
    }
    if (origin != ClassFiles.Origin.ENGINE) {
      return false;
    }
    if (module && !(value instanceof DataType)) { // the objects among them have a text as well
      if (!name.startsWith(ENCODERS)) {
        graph.calls.permit(internal, "MODULE$", "", path);
      }
      into.tag('m');
      graph.classRef(into, internal);
      return true;
    }
    return instance(graph, values, into, value, path);
  }

  private static boolean instance(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Object value, String path) {
    String name = value.getClass().getName();
    if (value instanceof DataType type) {
      text(into, name, dataType(values, type, path));
    } else if (value instanceof Metadata metadata) {
      text(into, name, metadata.json());
    } else if (value instanceof scala.math.BigDecimal decimal) {
      into.tag('a').putString(String.valueOf(decimal.mc()));
      values.encode(into, decimal.bigDecimal(), path);
    } else if (value instanceof scala.util.matching.Regex regex) {
      regex(values, into, regex, path);
    } else if (value instanceof scala.math.BigInt integer) {
      into.tag('i');
      values.encode(into, integer.bigInteger(), path);
    } else if (value instanceof scala.Symbol symbol) {
      text(into, name, symbol.name());
    } else if (name.equals("scala.Enumeration$Val")) {
      enumeration(graph, into, value, path);
    } else if (value instanceof scala.runtime.BoxedUnit) {
      into.tag('u');
    } else if (value instanceof Row row && name.contains(".GenericRow")) {
      into.tag('R').putInt(row.length());
      values.encode(into, row.schema(), path + ".schema");
      for (int i = 0; i < row.length(); i++) {
        values.encode(into, row.get(i), path + "(" + i + ")");
      }
    } else if (value instanceof scala.Product product
        && (name.startsWith(ENCODERS) || name.startsWith("scala."))
        && !(value instanceof scala.collection.Iterable)) {
      product(graph, values, into, product, path);
    } else {
      return false;
    }
    return true;
  }

  private static void regex(
      CapturedValues values, CanonicalHasher into, scala.util.matching.Regex regex, String path) {
    into.tag('r').putString(regex.getClass().getName()).putString(regex.pattern().pattern());
    into.putInt(regex.pattern().flags());
    for (Field field : scala.util.matching.Regex.class.getDeclaredFields()) {
      if (scala.collection.Seq.class.isAssignableFrom(field.getType())) {
        values.encode(into, JdkFields.find(regex, field.getName()), path + ".groups");
      }
    }
  }

  private static void product(
      CodeGraph graph,
      CapturedValues values,
      CanonicalHasher into,
      scala.Product product,
      String path) {
    String name = product.getClass().getName();
    into.tag('T');
    graph.classRef(into, Type.getInternalName(product.getClass()));
    // The expressions of an ExpressionEncoder follow from its first element.
    int arity = name.equals(ENCODERS + "ExpressionEncoder") ? 1 : product.productArity();
    into.putInt(arity);
    for (int i = 0; i < arity; i++) {
      Object element = product.productElement(i);
      values.encode(into, element, path + "._" + (i + 1));
      if (name.startsWith(ENCODERS) && element instanceof scala.reflect.ClassTag<?> tag) {
        String encoded = Type.getInternalName(tag.runtimeClass());
        graph.later("whole " + encoded, () -> graph.reflected.whole(encoded, false));
      }
    }
  }

  private static void text(CanonicalHasher into, String type, String text) {
    into.tag('v').putString(type).putString(text);
  }

  private static String dataType(CapturedValues values, DataType type, String path) {
    String json = type.json();
    if (json.contains("\"udt\"")) {
      throw values.refuse(
          path
              + " is a data type with a user-defined part, "
              + type.simpleString()
              + ", which has no stable encoding here; build the type inside the function");
    }
    return json;
  }

  /** A value of a scala.Enumeration: its number and name, and the object that makes them. */
  private static void enumeration(
      CodeGraph graph, CanonicalHasher into, Object value, String path) {
    try {
      Object outer = value.getClass().getMethod("scala$Enumeration$$outerEnum").invoke(value);
      int id = ((scala.Enumeration.Value) value).id();
      into.tag('E').putInt(id).putString(value.toString());
      String owner = Type.getInternalName(outer.getClass());
      graph.classRef(into, owner);
      graph.later("module " + owner, () -> graph.readStatic(owner, "MODULE$", path));
    } catch (ReflectiveOperationException e) {
      throw graph.refuse(
          Refusal.Code.FUNCTION_STATE, path + " is an enumeration value that cannot be read: " + e);
    }
  }

  /** True for the one instance of a Scala object. */
  private static boolean isModule(Object value) {
    if (!value.getClass().getName().endsWith("$")) {
      return false;
    }
    try {
      Field field = value.getClass().getField("MODULE$");
      field.setAccessible(true);
      return field.get(null) == value;
    } catch (ReflectiveOperationException | RuntimeException e) {
      return false;
    }
  }
}
