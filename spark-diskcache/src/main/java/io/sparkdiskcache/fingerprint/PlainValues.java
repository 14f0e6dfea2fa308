// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

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
      formatter(into, format);
    } else if (value instanceof Charset charset) {
      into.tag('v').putString("charset").putString(charset.name());
    } else if (type == Date.class || type == java.sql.Date.class || type == Timestamp.class) {
      values.mutable(path);
      into.tag('D').putString(type.getName()).putLong(((Date) value).getTime());
      into.putInt(value instanceof Timestamp timestamp ? timestamp.getNanos() : 0);
    } else if (STATELESS.contains(type.getName())) {
      into.tag('v').putString(type.getName()).putString("");
    } else {
      return reference(graph, values, into, value, path);
    }
    return true;
  }

  private static void formatter(CanonicalHasher into, DateTimeFormatter format) {
    // Not serializable, so only met in statics, where the code that builds it counts too.
    into.tag('v').putString(format.getClass().getName()).putString(format.toString());
    into.putString(format.getLocale().toLanguageTag()).putString(String.valueOf(format.getZone()));
    into.putString(String.valueOf(format.getChronology()));
    into.putString(format.getResolverStyle().toString()).putString(format.getDecimalStyle() + "");
    into.putString(String.valueOf(format.getResolverFields()));
  }

  /** Values that stand for code, for other values, or for nothing that a row could show. */
  private static boolean reference(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Object value, String path) {
    Class<?> type = value.getClass();
    if (value instanceof Class<?> constant) {
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
      return EngineValues.encode(graph, values, into, value, path);
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
