// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Method;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Lazy vals are not encoded: their code is, and whether somebody has asked for them already must
 * not matter. But all rows of a task share the value, so it must be one that nobody can change:
 * known by its declared type, or, once it was computed, by looking: on the driver, or in the task
 * after its last row.
 */
final class LazyValues {
  private static final Set<String> IMMUTABLE =
      Set.of(
          "Ljava/lang/String;",
          "Ljava/lang/Boolean;",
          "Ljava/lang/Byte;",
          "Ljava/lang/Short;",
          "Ljava/lang/Integer;",
          "Ljava/lang/Long;",
          "Ljava/lang/Character;",
          "Ljava/lang/Float;",
          "Ljava/lang/Double;",
          "Ljava/util/regex/Pattern;",
          "Ljava/util/UUID;",
          "Ljava/util/Locale;",
          "Lscala/math/BigDecimal;",
          "Lscala/math/BigInt;",
          "Lscala/util/matching/Regex;",
          "Lscala/collection/immutable/Range;",
          "Lorg/slf4j/Logger;");

  private LazyValues() {}

  /** The value of a lazy val of an object that every process has one of: it is asked for here. */
  static @Nullable Object ask(CodeGraph graph, Object object, ClassFile.Field field, String path) {
    try {
      Method accessor = object.getClass().getDeclaredMethod(field.name());
      accessor.setAccessible(true);
      return accessor.invoke(object);
    } catch (NoSuchMethodException e) {
      return null; // it has another name in the class file
    } catch (ReflectiveOperationException | LinkageError | RuntimeException e) {
      throw graph.refuse(
          Refusal.Code.FUNCTION, path + " is lazy and cannot be computed here: " + e);
    }
  }

  /**
   * Refuses a lazy val that holds something mutable.
   *
   * @return false where that cannot be seen yet, because nobody has asked a captured object for it:
   *     a task has to look again when its rows have
   */
  static boolean check(
      CodeGraph graph,
      String owner,
      ClassFile.Field field,
      @Nullable Object value,
      String path,
      boolean shared) {
    String desc = field.desc();
    boolean immutable =
        (!desc.startsWith("L") && !desc.startsWith("["))
            || IMMUTABLE.contains(desc)
            || (desc.startsWith("Ljava/time/") && !desc.startsWith("Ljava/time/Clock"));
    if (immutable) {
      return true;
    }
    if (LibraryObjects.isDeclared(graph.files, field)) {
      LibraryObjects.check(graph, owner, field, path, field.name() + "$lzycompute");
      return true;
    }
    if (value == null && !shared) {
      return false;
    }
    if (value == null) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          path
              + " is lazy and not computed yet, so it cannot be seen whether it is immutable; make"
              + " it a val, or a local variable of the function");
    }
    // All fields count, since nothing is known of what the value is used for.
    CodeGraph aside = graph.aside();
    aside.enterUnordered();
    CapturedValues values = new CapturedValues(aside, false);
    values.encodeShared(new CanonicalHasher(), value, path);
    if (values.sawMutable()) {
      throw graph.refuse(
          shared ? Refusal.Code.FUNCTION : Refusal.Code.FUNCTION_STATE,
          path + " is lazy and holds something that can be changed; make it a val");
    }
    return true;
  }
}
