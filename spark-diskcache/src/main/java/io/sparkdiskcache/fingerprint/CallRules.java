// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.xbean.asm9.Label;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.jspecify.annotations.Nullable;

/**
 * Calls whose result depends on more than arguments, or not, by what stands around them in one
 * method body:
 *
 * <ul>
 *   <li>A calendar of now that is given its time before anything else is harmless.
 *   <li>Two digits of a year are read relative to today.
 *   <li>Whether a logger is enabled may guard logging, and nothing that a row can see.
 *   <li>A thread's own formatter is made anew from its supplier; other thread locals hand state
 *       from row to row.
 *   <li>A cipher draws its own initial vector unless it is given one, or has none.
 *   <li>The JVM tells in messages of exceptions what local variables are called.
 *   <li>A library that is given a URL opens it.
 *   <li>A stream that is made with {@code false} for parallel runs in one thread.
 * </ul>
 */
final class CallRules {
  private static final Set<String> CALENDARS =
      Set.of("java/util/Calendar", "java/util/GregorianCalendar");
  private static final Set<String> THROWABLE_TEXT =
      Set.of("getMessage", "getLocalizedMessage", "toString", "getCause", "printStackTrace");
  private static final Pattern TWO_DIGITS = Pattern.compile("(?<![yYu'])[yYu]{1,2}(?![yYu])");
  private static final Pattern QUOTED = Pattern.compile("'[^']*'");
  private static final Pattern ENABLED =
      Pattern.compile("is\\w*Enabled|isEnabledFor|isLoggable|get(?:Effective)?Level|getRootLogger");

  /**
   * The types that code which only logs gets from its calls: nothing, loggers, builders of
   * messages.
   */
  private static final Pattern OF_LOGGING =
      Pattern.compile(
          "V|L(org/slf4j|org/apache|java/util)/.*(Logger|LoggingEventBuilder|LogBuilder|Marker|Message);");

  private static final Pattern WITHOUT_VECTOR =
      Pattern.compile("(?i)(AES|DES|DESede|Blowfish|RC2|RC4|ARCFOUR)(/ECB/.*)?");
  private static final Set<String> FRESH_IN_EACH_THREAD =
      Set.of(
          "java/text/SimpleDateFormat",
          "java/text/DateFormat",
          "java/text/DecimalFormat",
          "java/text/NumberFormat",
          "java/text/Collator",
          "java/security/MessageDigest",
          "javax/crypto/Mac");

  private static final Set<String> PATHS =
      Set.of("java/net/URL", "java/net/URI", "java/io/File", "java/nio/file/Path");

  private final CodeGraph graph;
  private final String at;
  private @Nullable String cipher;
  private @Nullable Type supplied;
  private boolean calendarOfNow;
  private boolean asksLogger;
  private @Nullable Label logsUntil;
  private int last = -1;

  CallRules(CodeGraph graph, String at) {
    this.graph = graph;
    this.at = at;
  }

  void text(String value) {
    if (WITHOUT_VECTOR.matcher(value).matches()) {
      cipher = value;
    }
  }

  /** A lambda for an interface; {@code made} is what it returns. */
  void lambda(Type made) {
    supplied = made;
    anything("a lambda");
  }

  void jump(int opcode, Label target) {
    if (asksLogger && opcode == Opcodes.IFEQ) {
      asksLogger = false;
      logsUntil = target;
      return;
    }
    anything("a branch");
    if (logsUntil != null && target != logsUntil) {
      throw deciding();
    }
  }

  void label(Label label) {
    last = -1;
    if (label == logsUntil) {
      logsUntil = null;
    }
  }

  /** Any instruction that is none of the others. */
  void instruction(int opcode) {
    last = opcode;
    boolean stores =
        (opcode >= Opcodes.ISTORE && opcode <= Opcodes.SASTORE)
            || opcode == Opcodes.IINC
            || opcode == Opcodes.PUTFIELD
            || opcode == Opcodes.PUTSTATIC
            || (opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN)
            || opcode == Opcodes.ATHROW;
    if (stores && opcode != Opcodes.AASTORE && logsUntil != null) {
      throw deciding();
    }
    if (stores && opcode != Opcodes.ASTORE && calendarOfNow) {
      throw calendar();
    }
    if (asksLogger) {
      throw deciding();
    }
  }

  private void anything(String what) {
    if (asksLogger) {
      throw deciding();
    }
    if (calendarOfNow && !what.isEmpty()) {
      throw calendar();
    }
  }

  /**
   * Looks at one call.
   *
   * @param first argument, where it is a text that is known before the method runs
   * @param operands internal names of the types on the stack, the last argument first; null where
   *     one is not known
   * @return true if the call needs no other leave
   */
  boolean call(
      String owner,
      String name,
      String desc,
      @Nullable String first,
      List<@Nullable String> operands) {
    boolean logging = graph.files.origin(owner) == ClassFiles.Origin.LOGGING || isJdkLogger(owner);
    if (asksLogger) {
      throw deciding();
    }
    if (logsUntil != null && !logging && !isHarmless(owner)) {
      throw deciding();
    }
    if (logging) {
      asksLogger = ENABLED.matcher(name).matches() && desc.endsWith(")Z");
      if (!asksLogger && !OF_LOGGING.matcher(Type.getReturnType(desc).getDescriptor()).matches()) {
        throw graph.refuse(
            Refusal.Code.FUNCTION,
            at
                + " asks "
                + owner.replace('/', '.')
                + "."
                + name
                + ", so the configuration or the context of logging decides a row; only log, and"
                + " pass what it needs as an argument");
      }
      return true;
    }
    boolean judged =
        calendar(owner, name, desc) || format(owner, name, first) || inOneThread(owner, name);
    last = -1;
    if (owner.equals("java/lang/ThreadLocal") && name.equals("withInitial")) {
      judged = true;
      if (supplied == null || !FRESH_IN_EACH_THREAD.contains(supplied.getInternalName())) {
        throw graph.refuse(
            Refusal.Code.FUNCTION,
            at
                + " keeps a "
                + (supplied == null ? "value" : supplied.getClassName())
                + " in a ThreadLocal, which hands it from row to row; keeps state in a local"
                + " variable instead");
      }
    }
    if (owner.equals("javax/crypto/Cipher")
        && name.equals("init")
        && !desc.contains("AlgorithmParameter")
        && cipher == null) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " initializes a Cipher without an initial vector, which is random then; give it an"
              + " IvParameterSpec or GCMParameterSpec");
    }
    throwables(owner, name, desc, operands);
    paths(owner, name, operands);
    return judged;
  }

  private boolean calendar(String owner, String name, String desc) {
    boolean gives =
        CALENDARS.contains(owner)
            && (name.equals("getInstance")
                || (owner.equals("java/util/GregorianCalendar")
                    && name.equals("<init>")
                    && !desc.startsWith("(I")));
    if (gives) {
      calendarOfNow = true;
      return true;
    }
    if (!calendarOfNow) {
      return false;
    }
    boolean sets =
        CALENDARS.contains(owner)
            && (name.startsWith("setTimeInMillis")
                || name.equals("setTime")
                || (name.equals("clear") && desc.equals("()V")));
    if (sets) {
      calendarOfNow = false;
    } else if (CALENDARS.contains(owner)
        || desc.contains("Ljava/util/Calendar;")
        || desc.contains("Ljava/lang/Object;)")
        || desc.contains("Ljava/util/GregorianCalendar;")) {
      throw calendar();
    }
    return false;
  }

  /** A stream of an Iterable, with {@code false} for parallel. */
  private boolean inOneThread(String owner, String name) {
    return owner.equals("java/util/stream/StreamSupport")
        && name.endsWith("tream")
        && last == Opcodes.ICONST_0;
  }

  private RefusedException calendar() {
    return graph.refuse(
        Refusal.Code.FUNCTION,
        at
            + " uses java.util.Calendar.getInstance, which reads the clock; set its time at once"
            + " (setTime, setTimeInMillis, clear), or use java.time");
  }

  private boolean format(String owner, String name, @Nullable String pattern) {
    boolean takesPattern =
        (owner.equals("java/text/SimpleDateFormat")
                && (name.equals("<init>") || name.startsWith("applyPattern")))
            || (owner.endsWith("/FastDateFormat") && name.equals("getInstance"));
    if (!takesPattern) {
      return false;
    }
    if (pattern == null || readsTwoDigits(pattern)) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " makes a "
              + owner.substring(owner.lastIndexOf('/') + 1)
              + (pattern == null
                  ? " of a pattern that is no constant"
                  : " of pattern '" + pattern + "'")
              + ", and years of two digits are read relative to today; write the pattern as a"
              + " constant with four digits (yyyy), or use java.time");
    }
    return true;
  }

  /** Whether a pattern has years that are read relative to a moment. */
  static boolean readsTwoDigits(String pattern) {
    return TWO_DIGITS.matcher(QUOTED.matcher(pattern).replaceAll("")).find();
  }

  private void throwables(String owner, String name, String desc, List<@Nullable String> operands) {
    if (THROWABLE_TEXT.contains(name) && isThrowable(owner)) {
      graph.observeMessages();
      return;
    }
    boolean makesOne = name.equals("<init>") && isThrowable(owner);
    if (owner.startsWith("scala/util/") && (owner.contains("Try") || owner.contains("Failure"))) {
      graph.observeMessages();
    }
    if (makesOne || desc.startsWith("()")) {
      return;
    }
    int arguments = Type.getArgumentTypes(desc).length;
    for (int i = 0; i < arguments && i < operands.size(); i++) {
      String operand = operands.get(i);
      if (operand != null && isThrowable(operand)) {
        graph.observeMessages();
      }
    }
  }

  /** A value of this type becomes text. */
  void says(Type type) {
    if (type.getSort() == Type.OBJECT && isThrowable(type.getInternalName())) {
      graph.observeMessages();
    }
  }

  private boolean isThrowable(String type) {
    if (type.startsWith("[") || graph.files.origin(type) == ClassFiles.Origin.ABSENT) {
      return false;
    }
    return graph.files.isSubtype(type, "java/lang/Throwable");
  }

  private void paths(String owner, String name, List<@Nullable String> operands) {
    if (graph.files.origin(owner) != ClassFiles.Origin.LIBRARY) {
      return;
    }
    for (String operand : operands) {
      if (operand != null && PATHS.contains(operand)) {
        throw graph.refuse(
            Refusal.Code.FUNCTION,
            at
                + " hands a "
                + operand.replace('/', '.')
                + " to "
                + owner.replace('/', '.')
                + "."
                + name
                + ", which may read what it names; pass the content as an argument");
      }
    }
  }

  private RefusedException deciding() {
    return graph.refuse(
        Refusal.Code.FUNCTION,
        at
            + " asks a logger whether it is enabled and does something else than log then, so the"
            + " configuration of logging decides a row; take that out of the condition");
  }

  private static boolean isJdkLogger(String owner) {
    return owner.startsWith("java/util/logging/");
  }

  /** Whether messages are built with the class. */
  private static boolean isHarmless(String owner) {
    return owner.equals("java/lang/String")
        || owner.equals("java/lang/StringBuilder")
        || owner.equals("java/lang/Integer")
        || owner.equals("java/lang/Long")
        || owner.equals("java/lang/Double")
        || owner.equals("java/lang/Boolean")
        || owner.equals("java/lang/Object")
        || owner.startsWith("scala/StringContext")
        || owner.equals("scala/runtime/BoxesRunTime")
        || owner.startsWith("scala/runtime/ScalaRunTime");
  }
}
