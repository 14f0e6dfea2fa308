// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.sql.Date;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.Period;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import scala.collection.Iterator;
import scala.collection.Seq;

/**
 * Arguments as bytes, so that exactly equal ones are equal bytes and no others: each has a tag for
 * its class, and variable parts their length first. Floating-point numbers count by their bits: 0.0
 * and -0.0 are two inputs. The table is in docs/design/format-memo.md.
 *
 * <p>Values whose function may see more than is encoded have no encoding: maps, which have no
 * order, intervals of three units, variants, objects of user-defined types.
 */
final class Arguments {
  private static final Set<Class<?>> PLAIN =
      Set.of(
          Boolean.class,
          Byte.class,
          Short.class,
          Integer.class,
          Long.class,
          Float.class,
          Double.class,
          String.class,
          byte[].class,
          BigDecimal.class,
          BigInteger.class,
          scala.math.BigDecimal.class,
          Date.class,
          Timestamp.class,
          Instant.class,
          LocalDate.class,
          LocalDateTime.class,
          LocalTime.class,
          Duration.class,
          Period.class);

  private Arguments() {}

  /** Whether arguments of a parameter's type may have an encoding. */
  static boolean mayEncode(Class<?> parameter) {
    return parameter.isPrimitive()
        || PLAIN.contains(parameter)
        || PLAIN.stream().anyMatch(parameter::isAssignableFrom)
        || Row.class.isAssignableFrom(parameter)
        || parameter.isAssignableFrom(Row.class)
        || parameter.isAssignableFrom(scala.collection.immutable.ArraySeq.class)
        || parameter.isAssignableFrom(scala.collection.mutable.ArraySeq.class);
  }

  /** Appends the encoding; false if the value, or one inside it, has none. */
  static boolean encode(@Nullable Object value, Bytes out) {
    if (value == null) {
      out.tag('0');
    } else if (value instanceof String text) {
      text(text, out);
    } else if (value instanceof Long number) {
      out.tag('L').putLong(number);
    } else if (value instanceof Integer number) {
      out.tag('I').putInt(number);
    } else if (value instanceof Double number) {
      out.tag('D').putLong(Double.doubleToRawLongBits(number));
    } else if (value instanceof Boolean flag) {
      out.tag('b').put(flag ? (byte) 1 : 0);
    } else if (value instanceof Byte number) {
      out.tag('B').put(number);
    } else if (value instanceof Short number) {
      out.tag('S').putShort(number);
    } else if (value instanceof Float number) {
      out.tag('F').putInt(Float.floatToRawIntBits(number));
    } else if (value instanceof byte[] bytes) {
      out.tag('x').putBytes(bytes);
    } else if (value instanceof BigDecimal number) {
      decimal('d', number, out);
    } else if (value instanceof scala.math.BigDecimal number) {
      decimal('e', number.bigDecimal(), out);
    } else if (value instanceof BigInteger number) {
      out.tag('j').putBytes(number.toByteArray());
    } else if (value instanceof Row row) {
      return row(row, out);
    } else if (value instanceof Seq<?> items) {
      return items(items, out);
    } else {
      return time(value, out);
    }
    return true;
  }

  /** Unpaired surrogates have no UTF-8. */
  private static void text(String text, Bytes out) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        int point = text.codePointAt(i);
        if (!Character.isSupplementaryCodePoint(point)) {
          out.tag('c').putInt(text.length());
          text.chars().forEach(c -> out.putShort((short) c));
          return;
        }
        i++;
      }
    }
    out.tag('s').putText(text);
  }

  private static void decimal(char tag, BigDecimal number, Bytes out) {
    out.tag(tag).putInt(number.scale()).putBytes(number.unscaledValue().toByteArray());
  }

  /** Fields can be asked for by name, so the names count. */
  private static boolean row(Row row, Bytes out) {
    StructType schema = row.schema();
    out.tag('r').putInt(row.length());
    for (int i = 0; i < row.length(); i++) {
      text(schema == null ? "" : schema.fields()[i].name(), out);
      if (!encode(row.get(i), out)) {
        return false;
      }
    }
    return true;
  }

  private static boolean items(Seq<?> items, Bytes out) {
    out.tag('a').putInt(items.length());
    for (Iterator<?> each = items.iterator(); each.hasNext(); ) {
      if (!encode(each.next(), out)) {
        return false;
      }
    }
    return true;
  }

  private static boolean time(Object value, Bytes out) {
    if (value instanceof LocalDate date) {
      out.tag('t').putLong(date.toEpochDay());
    } else if (value instanceof Instant instant) {
      out.tag('T').putLong(instant.getEpochSecond()).putInt(instant.getNano());
    } else if (value instanceof LocalDateTime time) {
      out.tag('N')
          .putLong(time.toLocalDate().toEpochDay())
          .putLong(time.toLocalTime().toNanoOfDay());
    } else if (value instanceof LocalTime time) {
      out.tag('h').putLong(time.toNanoOfDay());
    } else if (value instanceof Duration duration) {
      out.tag('u').putLong(duration.getSeconds()).putInt(duration.getNano());
    } else if (value instanceof Period period) {
      out.tag('p').putInt(period.getYears()).putInt(period.getMonths()).putInt(period.getDays());
    } else if (value instanceof Timestamp time) {
      // The function sees the moment and, in the JVM's time zone, the fields.
      out.tag('V').putLong(time.getTime()).putInt(time.getNanos()).putText(time.toString());
    } else if (value.getClass() == Date.class) {
      out.tag('E').putLong(((Date) value).getTime()).putText(value.toString());
    } else {
      return false;
    }
    return true;
  }

  /** For people and selectors. */
  static String shown(@Nullable Object value) {
    if (value instanceof byte[] bytes) {
      return HexFormat.of().formatHex(bytes);
    }
    return value instanceof Object[] array ? Arrays.deepToString(array) : String.valueOf(value);
  }
}
