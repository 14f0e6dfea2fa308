// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Field;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.net.URI;
import java.nio.charset.Charset;
import java.sql.Timestamp;
import java.time.format.DateTimeFormatter;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalAmount;
import java.util.AbstractMap;
import java.util.Currency;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Metadata;
import org.apache.xbean.asm9.Type;
import org.slf4j.Logger;

/** Encodes values that are not collections and not objects of application classes. */
final class PlainValues {
  /** Values whose text says everything, once the class is known. */
  private static final Set<Class<?>> TEXT =
      Set.of(
          Boolean.class,
          Byte.class,
          Short.class,
          Integer.class,
          Long.class,
          Character.class,
          MathContext.class,
          UUID.class,
          URI.class,
          Currency.class);

  /** Singletons of the JDK without fields. */
  private static final Set<String> STATELESS =
      Set.of(
          "java.util.Collections$ReverseComparator", "java.lang.String$CaseInsensitiveComparator");

  private static final String ENCODERS = "org.apache.spark.sql.catalyst.encoders.";

  private PlainValues() {}

  /** False if the value is none of these. */
  @SuppressWarnings("JavaUtilDate") // values that people capture
  static boolean encode(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Object value, String path) {
    Class<?> type = value.getClass();
    if (TEXT.contains(type) || isTime(value)) {
      into.tag('v').putString(type.getName()).putString(value.toString());
    } else if (value instanceof String text) {
      values.spend(2L * text.length(), path);
      into.tag('s').putString(text);
    } else if (type == BigDecimal.class) {
      BigDecimal decimal = (BigDecimal) value;
      values.spend(decimal.unscaledValue().bitLength() / 8, path);
      into.tag('b').putBytes(decimal.unscaledValue().toByteArray()).putInt(decimal.scale());
    } else if (type == BigInteger.class) {
      values.spend(((BigInteger) value).bitLength() / 8, path);
      into.tag('B').putBytes(((BigInteger) value).toByteArray());
    } else if (value instanceof Locale locale) {
      into.tag('l').putString(locale.getLanguage()).putString(locale.getCountry());
      into.putString(locale.getVariant()).putString(locale.getScript());
      into.putString(locale.toLanguageTag());
    } else if (value instanceof Double number) {
      into.tag('d').putLong(Double.doubleToRawLongBits(number));
    } else if (value instanceof Float number) {
      into.tag('f').putInt(Float.floatToRawIntBits(number));
    } else if (value instanceof Pattern pattern) {
      into.tag('r').putString(pattern.pattern()).putInt(pattern.flags());
    } else if (value instanceof DateTimeFormatter format) {
      // Not serializable, so only met in statics, where the code that builds it counts too.
      into.tag('v').putString(type.getName()).putString(format.toString());
      into.putString(format.getLocale().toLanguageTag())
          .putString(String.valueOf(format.getZone()));
      into.putString(String.valueOf(format.getChronology()));
      into.putString(format.getResolverStyle().toString()).putString(format.getDecimalStyle() + "");
      into.putString(String.valueOf(format.getResolverFields()));
    } else if (value instanceof Charset charset) {
      into.tag('v').putString("charset").putString(charset.name());
    } else if (value instanceof Class<?> constant) {
      into.tag('c');
      Type asm = Type.getType(constant);
      graph.type(into, asm);
      graph.reflected.token(asm);
    } else if (value instanceof Enum<?> constant) {
      enumConstant(graph, values, into, constant);
    } else if (value instanceof Optional<?> optional) {
      into.tag('O').putBoolean(optional.isPresent());
      values.encode(into, optional.orElse(null), path + ".value");
    } else if (value instanceof AbstractMap.SimpleImmutableEntry<?, ?> entry
        && type == AbstractMap.SimpleImmutableEntry.class) {
      into.tag('y');
      values.encode(into, entry.getKey(), path + ".key");
      values.encode(into, entry.getValue(), path + ".value");
    } else if (type == Date.class || type == java.sql.Date.class || type == Timestamp.class) {
      values.mutable(path);
      into.tag('D').putString(type.getName()).putLong(((Date) value).getTime());
      into.putInt(value instanceof Timestamp timestamp ? timestamp.getNanos() : 0);
    } else if (STATELESS.contains(type.getName())) {
      into.tag('v').putString(type.getName()).putString("");
    } else if (type.getName().equals("java.lang.ThreadLocal$SuppliedThreadLocal")) {
      into.tag('h'); // only in statics, whose initializer has been judged
    } else if (value instanceof Logger
        || value instanceof java.util.logging.Logger
        || graph.files.origin(Type.getInternalName(type)) == ClassFiles.Origin.LOGGING) {
      // A logger never reaches a row.
      into.tag('G');
    } else if (value instanceof Broadcast<?> broadcast) {
      into.tag('W');
      values.mutable(path);
      values.encode(into, broadcast.value(), path + ".value");
    } else {
      return engine(graph, values, into, value, path);
    }
    return true;
  }

  private static boolean isTime(Object value) {
    return value.getClass().getName().startsWith("java.time.")
        && !value.getClass().getName().startsWith("java.time.Clock")
        && (value instanceof TemporalAccessor
            || value instanceof TemporalAmount
            || value instanceof java.time.ZoneId);
  }

  private static void enumConstant(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Enum<?> constant) {
    into.tag('e');
    String declaring = Type.getInternalName(constant.getDeclaringClass());
    graph.classRef(into, declaring);
    into.putString(constant.name());
    Class<?> body = ((Object) constant).getClass();
    graph.instantiate(Type.getInternalName(body));
    if (graph.files.isApplication(declaring)) {
      values.holdShared(constant, declaring.replace('/', '.') + "." + constant.name());
    }
  }

  /** Values of Scala's and Spark's own classes. */
  private static boolean engine(
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
    boolean encoder = name.startsWith(ENCODERS);
    if (value instanceof DataType type) {
      text(into, name, dataType(values, type, path));
    } else if (value instanceof Metadata metadata) {
      text(into, name, metadata.json());
    } else if (module) {
      if (!encoder) {
        graph.calls.permit(internal, "MODULE$", "", path);
      }
      into.tag('m');
      graph.classRef(into, internal);
    } else if (value instanceof scala.math.BigDecimal decimal) {
      into.tag('a').putString(String.valueOf(decimal.mc()));
      values.encode(into, decimal.bigDecimal(), path);
    } else if (value instanceof scala.util.matching.Regex regex) {
      into.tag('r').putString(name).putString(regex.pattern().pattern());
      into.putInt(regex.pattern().flags());
      for (Field field : scala.util.matching.Regex.class.getDeclaredFields()) {
        if (scala.collection.Seq.class.isAssignableFrom(field.getType())) {
          values.encode(into, JdkFields.find(regex, field.getName()), path + ".groups");
        }
      }
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
        && (encoder || name.startsWith("scala."))
        && !(value instanceof scala.collection.Iterable)) {
      into.tag('T');
      graph.classRef(into, internal);
      // The expressions of an ExpressionEncoder follow from its first element.
      int arity = name.equals(ENCODERS + "ExpressionEncoder") ? 1 : product.productArity();
      into.putInt(arity);
      for (int i = 0; i < arity; i++) {
        Object element = product.productElement(i);
        values.encode(into, element, path + "._" + (i + 1));
        if (encoder && element instanceof scala.reflect.ClassTag<?> tag) {
          String encoded = Type.getInternalName(tag.runtimeClass());
          graph.later("whole " + encoded, () -> graph.reflected.whole(encoded, false));
        }
      }
    } else {
      return false;
    }
    return true;
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

  /** Why a value of this type is refused, and what to do, where more can be said than its name. */
  static String cure(Class<?> type) {
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      String name = c.getName();
      for (Hint hint : HINTS) {
        if (name.startsWith(hint.prefix)) {
          return hint.cure;
        }
      }
    }
    return "capture strings, numbers or immutable collections of them instead";
  }

  private record Hint(String prefix, String cure) {}

  private static final List<Hint> HINTS =
      List.of(
          new Hint(
              "org.apache.spark.util.",
              "a hit would skip what an accumulator counts: use an aggregate instead"),
          new Hint(
              "org.apache.spark.",
              "a function cannot use the session, RDDs or Datasets: capture their results"),
          new Hint(
              "scala.runtime.",
              "it is a var of the code around the function: copy it to a val first"),
          new Hint(
              "java.util.concurrent.",
              "it is shared between threads: keep state in local variables"));
}
