// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which JDK, Scala, Spark and library members a cached function may use. Those of the JDK are in
 * {@link JdkMembers}; for the others there is a table of prefixes of {@code owner.name +
 * descriptor}, whose longest prefix decides. JDK and Spark are closed worlds: what no row allows is
 * refused. Scala's library and third-party jars are open but for the rows here.
 *
 * <p>The table sees the calls that user code makes itself, but for those that {@link CallRules}
 * judge by what is around them. The code inside a well-known library is not followed: its jar's
 * content, and that of every other jar, is in the hash, but a third-party function that reads the
 * clock by itself is not noticed. Declare such a UDF non-deterministic.
 */
final class ForbiddenCalls {
  private static final String OK = "";
  private static final String UNKNOWN =
      "is not on the list of members known to depend on their arguments only";
  private static final String CLOCK = "reads the clock";
  private static final String ENV = "reads the environment of the process";
  private static final String RANDOM = "is random";
  private static final String FILES = "reads or writes files";
  private static final String NETWORK = "uses the network";
  private static final String THREADS = "depends on threads";
  private static final String REFLECTION = "reaches code by reflection that cannot be followed";
  private static final String CELL = "keeps state outside the arguments";
  private static final String IDENTITY = "depends on the identity of objects";
  private static final String DEFAULTS = "reads a default of the process; name the value instead";
  private static final String SPARK = "reads or changes the running Spark application";
  private static final String LINES = "sees line numbers";

  /**
   * The uses that are allowed to a function whose answers are kept on its author's word: of a
   * service, and of what belongs to that: credentials from the environment, time-outs, other
   * threads, random waits.
   */
  static final Set<String> OF_SERVICES = Set.of(NETWORK, ENV, CLOCK, THREADS, RANDOM);

  /** The time that these read is replaced, or is in no row, as a rule. */
  private static final Set<String> OFTEN_HARMLESS =
      Set.of(
          "java/util/Calendar",
          "java/util/Calendar$Builder",
          "java/util/GregorianCalendar",
          "java/util/Properties",
          "java/util/TimeZone",
          "java/text/DateFormat",
          "java/text/Format",
          "java/text/MessageFormat",
          "java/text/SimpleDateFormat");

  private static final TreeMap<String, String> RULES = new TreeMap<>();

  static {
    rule(CELL, "org/slf4j/MDC", "org/apache/logging/log4j/ThreadContext", "org/apache/log4j/MDC");
    // Scala's library is open, but for:
    rule(RANDOM, "scala/util/Random", "scala/math/package$.random");
    rule(ENV, "scala/sys/", "scala/util/Properties", "scala/compat/Platform");
    rule(FILES, "scala/io/", "scala/xml/XML", "scala/reflect/io/");
    rule(OK, "scala/io/BufferedSource.", "scala/io/Source.", "scala/io/Codec");
    rule(FILES, "scala/io/Source.from");
    rule(OK, "scala/io/Source.fromString", "scala/io/Source$.fromString");
    rule(THREADS, "scala/concurrent/", "scala/collection/parallel/", "scala/ref/");
    rule(OK, "scala/concurrent/duration/");
    rule(CLOCK, "scala/concurrent/duration/Deadline");
    rule(REFLECTION, "scala/reflect/runtime/", "scala/tools/", "scala/reflect/internal/");
    rule(REFLECTION, "scala/runtime/StructuralCallSite");
    rule(ENV, "scala/Console");
    // Spark is closed ...
    rule(SPARK, "org/apache/spark/");
    // ... but for values, and for the wrappers it puts around user functions.
    rule(
        OK,
        "org/apache/spark/sql/Row",
        "org/apache/spark/sql/types/",
        "org/apache/spark/sql/api/java/");
    rule(OK, "org/apache/spark/sql/expressions/", "org/apache/spark/api/java/function/");
    rule(OK, "org/apache/spark/api/java/Optional", "org/apache/spark/unsafe/types/");
    rule(
        OK,
        "org/apache/spark/broadcast/Broadcast.value",
        "org/apache/spark/broadcast/Broadcast.getV");
    rule(OK, "org/apache/spark/ml/linalg/", "org/apache/spark/mllib/linalg/");
    rule(OK, "org/apache/spark/sql/Encoder", "org/apache/spark/sql/internal/ToScalaUDF");
    rule(OK, "org/apache/spark/sql/internal/UDFAdaptors");
    rule(OK, "org/apache/spark/sql/catalyst/expressions/Generic");
    // Well-known libraries that people call for the outside world.
    rule(CLOCK, "org/joda/time/DateTime.now", "org/joda/time/DateTime.<init>()V");
    rule(CLOCK, "org/joda/time/LocalDate.now", "org/joda/time/LocalDate.<init>()V");
    rule(CLOCK, "org/joda/time/LocalDateTime.now", "org/joda/time/LocalDateTime.<init>()V");
    rule(CLOCK, "org/joda/time/Instant.now", "org/joda/time/Instant.<init>()V");
    rule(
        CLOCK,
        "org/joda/time/DateTimeUtils.currentTimeMillis",
        "com/google/common/base/Stopwatch.");
    rule(
        RANDOM,
        "org/apache/commons/lang3/RandomStringUtils.",
        "org/apache/commons/lang3/RandomUtils.");
    rule(ENV, "org/apache/commons/lang3/SystemUtils.", "com/typesafe/config/ConfigFactory.");
    rule(
        FILES,
        "org/apache/hadoop/",
        "org/apache/commons/io/FileUtils.",
        "com/google/common/io/Files.");
    rule(NETWORK, "org/jsoup/Jsoup.connect");
    rule(NETWORK, "okhttp3/", "org/apache/http/", "org/apache/hc/", "software/amazon/awssdk/");
    rule(
        NETWORK,
        "com/amazonaws/",
        "io/grpc/",
        "io/netty/",
        "sttp/",
        "com/azure/",
        "com/google/cloud/");
  }

  private ForbiddenCalls() {}

  private static void rule(String why, String... prefixes) {
    for (String prefix : prefixes) {
      RULES.put(prefix, why);
    }
  }

  /** Why the member may not be used, or null if it may. */
  static @Nullable String why(String owner, String name, String desc) {
    String why = find(owner, name, desc);
    return why.isEmpty() ? null : why;
  }

  /**
   * Why a library that calls the member is not believed, or null. Calendars of now are given
   * another time as a rule, and properties are read for settings of the library.
   */
  static @Nullable String whyOfLibrary(String owner, String name, String desc) {
    if (OFTEN_HARMLESS.contains(owner)) {
      return null;
    }
    String why = find(owner, name, desc);
    boolean opens =
        owner.equals("java/nio/file/Files")
            || (name.equals("<init>")
                && (owner.startsWith("java/io/File") && !owner.equals("java/io/File"))
                && !owner.endsWith("Exception"));
    boolean connects = owner.equals("java/net/URL") && name.startsWith("open");
    boolean counts =
        why.equals(CLOCK) || why.equals(RANDOM) || opens || connects || name.equals("getenv");
    return counts && !why.isEmpty() && !why.equals(OK) ? why : null;
  }

  /**
   * Why a member that the class of this name inherits may not be used, or null: of types that
   * nobody can name, and of those that are closed as a whole, what they are named for counts.
   */
  static @Nullable String whyInherited(String declaring, String name, String desc) {
    if (JdkMembers.isNamed(declaring) && !JdkMembers.hasRow(declaring)) {
      return null;
    }
    JdkMembers.Verdict verdict = JdkMembers.find(declaring, name, desc);
    boolean closed = verdict == JdkMembers.Verdict.CLOSED;
    String why = find(declaring, name, desc);
    return closed || why.isEmpty() || why.equals(SPARK) ? null : why;
  }

  /** Whether what is known of the class, and not of the one that declares it, is about a member. */
  static boolean speaksOf(String owner, String name, String desc) {
    return !JdkMembers.isNamed(owner)
        || !JdkMembers.hasRow(owner)
        || JdkMembers.find(owner, name, desc) != null;
  }

  private static String find(String owner, String name, String desc) {
    if (JdkMembers.isNamed(owner)) {
      JdkMembers.Verdict verdict = JdkMembers.find(owner, name, desc);
      return verdict == null ? UNKNOWN : reason(verdict);
    }
    String member = owner + "." + name + desc;
    String probe = member;
    while (true) {
      Map.Entry<String, String> rule = RULES.floorEntry(probe);
      if (rule == null) {
        return OK;
      }
      String prefix = rule.getKey();
      if (member.startsWith(prefix)) {
        return rule.getValue();
      }
      // Any shorter prefix of the member is a prefix of what the two have in common.
      int common = 0;
      int limit = Math.min(prefix.length(), member.length());
      while (common < limit && prefix.charAt(common) == member.charAt(common)) {
        common++;
      }
      probe = member.substring(0, common);
    }
  }

  private static String reason(JdkMembers.Verdict verdict) {
    return switch (verdict) {
      case PURE -> OK;
      case CLOSED -> UNKNOWN;
      case CLOCK -> CLOCK;
      case DEFAULTS -> DEFAULTS;
      case ENVIRONMENT -> ENV;
      case FILES -> FILES;
      case IDENTITY -> IDENTITY;
      case LINES -> LINES;
      case NETWORK -> NETWORK;
      case RANDOM -> RANDOM;
      case REFLECTION -> REFLECTION;
      case STATE -> CELL;
      case THREADS -> THREADS;
    };
  }

  /** The prefixes of the table, for the test that looks for rows without effect. */
  static List<String> prefixes() {
    return new ArrayList<>(RULES.keySet());
  }
}
