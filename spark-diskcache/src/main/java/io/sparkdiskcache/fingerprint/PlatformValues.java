// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.text.DecimalFormat;
import java.text.SimpleDateFormat;
import java.util.Calendar;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.Set;

/**
 * Encodes mutable objects of the JDK: formats and calendars by what decides their results, and not
 * by what the last call left in them; any other by its serialized form, which is all that a task
 * gets of it.
 */
@SuppressWarnings("JavaUtilDate") // values that people capture
final class PlatformValues {
  private static final Set<String> PACKAGES =
      Set.of("java.lang", "java.math", "java.text", "java.util", "java.util.concurrent.atomic");

  /** Each of these hands on what others did with it. */
  private static final String ATOMIC = "java.util.concurrent.atomic";

  private PlatformValues() {}

  /** False if the value is none of these. */
  static boolean encode(
      CapturedValues values, CanonicalHasher into, Object value, String path, boolean shared) {
    Class<?> type = value.getClass();
    if (type == SimpleDateFormat.class) {
      values.mutable(path);
      into.tag('z').putBytes(serialized(values, withoutTime((SimpleDateFormat) value), path));
      return true;
    }
    if (type == GregorianCalendar.class) {
      values.mutable(path);
      Calendar copy = (Calendar) ((Calendar) value).clone();
      into.tag('k').putLong(copy.getTimeInMillis());
      calendar(into, copy);
      return true;
    }
    String inPackage = type.getPackageName();
    if (!PACKAGES.contains(inPackage)
        || !(value instanceof Serializable)
        || value instanceof Iterable
        || value instanceof java.util.Map
        || value instanceof Throwable
        || (shared && !isFormat(type))) {
      return false;
    }
    if (inPackage.equals(ATOMIC) && shared) {
      return false;
    }
    values.mutable(path);
    into.tag('Z').putBytes(serialized(values, value, path));
    return true;
  }

  private static boolean isFormat(Class<?> type) {
    return type.getPackageName().equals("java.text") || type == DecimalFormat.class;
  }

  /**
   * A copy without what the last call, and the moment of its making, left in it: from when on years
   * of two digits count matters to patterns that have them.
   */
  private static SimpleDateFormat withoutTime(SimpleDateFormat format) {
    SimpleDateFormat copy = (SimpleDateFormat) format.clone();
    if (!CallRules.readsTwoDigits(format.toPattern())) {
      copy.set2DigitYearStart(new Date(0));
    }
    Calendar calendar = copy.getCalendar();
    calendar.setTimeInMillis(0);
    calendar.getTime();
    return copy;
  }

  private static void calendar(CanonicalHasher into, Calendar calendar) {
    into.putString(calendar.getClass().getName()).putString(calendar.getTimeZone().toString());
    into.putBoolean(calendar.isLenient()).putInt(calendar.getFirstDayOfWeek());
    into.putInt(calendar.getMinimalDaysInFirstWeek());
    into.putLong(
        calendar instanceof GregorianCalendar gregorian
            ? gregorian.getGregorianChange().getTime()
            : 0);
  }

  /** Digest of the serialized form; an object of another class in it is refused. */
  private static byte[] serialized(CapturedValues values, Object value, String path) {
    Digesting digesting = new Digesting(values, path);
    try (ObjectOutputStream out = new OfPlatform(digesting, values, path)) {
      out.writeObject(value);
    } catch (IOException | RuntimeException e) {
      if (e instanceof RefusedException refused) {
        throw refused;
      }
      throw values.refuse(path + " cannot be serialized: " + e);
    }
    return digesting.hasher.digest();
  }

  private static final class Digesting extends OutputStream {
    private final CanonicalHasher hasher = new CanonicalHasher();
    private final CapturedValues values;
    private final String path;

    Digesting(CapturedValues values, String path) {
      this.values = values;
      this.path = path;
    }

    @Override
    public void write(int b) {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      values.spend(length, path);
      for (int i = offset; i < offset + length; i++) {
        hasher.tag((char) bytes[i]);
      }
    }
  }

  private static final class OfPlatform extends ObjectOutputStream {
    private final CapturedValues values;
    private final String path;

    OfPlatform(OutputStream out, CapturedValues values, String path) throws IOException {
      super(out);
      this.values = values;
      this.path = path;
      enableReplaceObject(true);
    }

    @Override
    protected Object replaceObject(Object object) {
      Class<?> type = object.getClass();
      while (type.isArray()) {
        type = type.getComponentType();
      }
      boolean known =
          type.isPrimitive()
              || type.getName().startsWith("java.")
              || type.getName().startsWith("sun.util.");
      if (!known || Class.class.isInstance(object)) {
        throw values.refuse(
            path + " holds a " + type.getName() + ", which has no stable encoding there");
      }
      return object;
    }
  }
}
