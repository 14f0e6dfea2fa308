// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which JDK, Scala, Spark and library members a cached function may use: a table of prefixes of
 * {@code owner.name + descriptor}; the longest prefix decides. JDK and Spark are closed worlds:
 * what no row allows is refused. Scala's library and third-party jars are open but for the rows
 * here.
 *
 * <p>The table sees the calls that user code makes itself, but for those that {@link CallRules}
 * judge by what is around them. What a well-known library does inside is not followed: its jar's
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
   * What a function may do whose answers are kept on its author's word: ask a service, with what
   * belongs to that: credentials from the environment, time-outs, other threads, random waits.
   */
  static final Set<String> OF_SERVICES = Set.of(NETWORK, ENV, CLOCK, THREADS, RANDOM);

  private static final TreeMap<String, String> RULES = new TreeMap<>();

  static {
    // The JDK is closed ...
    rule(
        UNKNOWN,
        "java/",
        "javax/",
        "jdk/",
        "sun/",
        "com/sun/",
        "org/ietf/",
        "org/w3c/",
        "org/xml/");
    // ... but for these packages,
    rule(OK, "java/lang/", "java/math/", "java/text/", "java/time/", "java/util/");
    rule(OK, "java/nio/", "java/lang/runtime/", "javax/crypto/Mac.", "javax/crypto/spec/");
    rule(OK, "java/security/MessageDigest.", "java/security/NoSuchAlgorithmException.");
    rule(OK, "java/security/GeneralSecurityException.", "java/security/InvalidKeyException.");
    rule(OK, "java/sql/Timestamp.", "java/sql/Date.");
    rule(OK, "java/net/URI", "java/net/URLEncoder.", "java/net/URLDecoder.");
    rule(OK, "java/net/MalformedURLException.", "java/net/URL.<init>", "java/net/URL.get");
    rule(OK, "java/net/URL.to");
    rule(OK, "java/io/ByteArray", "java/io/String", "java/io/Buffered", "java/io/Data");
    rule(OK, "java/io/Print", "java/io/InputStream", "java/io/OutputStream", "java/io/Reader.");
    rule(OK, "java/io/Writer.", "java/io/Closeable.", "java/io/Serializable.", "java/io/Filter");
    rule(OK, "java/io/IOException.", "java/io/UncheckedIOException.", "java/io/EOFException.");
    rule(OK, "java/io/UnsupportedEncodingException.", "java/io/NotSerializableException.");
    // ... and inside those:
    rule(ENV, "java/lang/System.", "java/lang/Runtime.", "java/lang/Runtime$");
    rule(OK, "java/lang/System.lineSeparator");
    rule(OK, "java/lang/System.arraycopy", "java/lang/System.out", "java/lang/System.err");
    rule(
        ENV,
        "java/lang/Integer.getInteger",
        "java/lang/Long.getLong",
        "java/lang/Boolean.getBoolean");
    rule(CLOCK, "java/lang/System.currentTimeMillis", "java/lang/System.nanoTime");
    rule(IDENTITY, "java/lang/System.identityHashCode", "java/lang/Enum.hashCode");
    rule(RANDOM, "java/lang/Math.random", "java/lang/StrictMath.random");
    rule(THREADS, "java/lang/Thread", "java/lang/VirtualThread", "java/lang/Process");
    rule(
        THREADS, "java/lang/Object.wait", "java/lang/Object.notify", "java/lang/InheritableThread");
    rule(CELL, "java/lang/ThreadLocal", "java/lang/ref/", "java/lang/ScopedValue");
    rule(OK, "java/lang/ThreadLocal.get()");
    rule(CLOCK, "java/text/SimpleDateFormat.<init>", "java/text/SimpleDateFormat.applyPattern");
    rule(CLOCK, "java/text/DateFormat.getDate", "java/text/DateFormat.getInstance");
    rule(CLOCK, "java/util/Date.parse", "java/util/Date.<init>(Ljava/lang/String;)");
    rule(CLOCK, "java/util/Currency.getInstance(Ljava/util/Locale;)");
    rule(ENV, "java/util/logging/");
    rule(OK, "java/util/logging/Logger.", "java/util/logging/Level.");
    rule(ENV, "java/util/logging/Logger.get", "java/util/logging/Logger.is");
    rule(OK, "java/util/logging/Logger.getLogger", "java/util/logging/Logger.getAnonymous");
    rule(CELL, "org/slf4j/MDC", "org/apache/logging/log4j/ThreadContext", "org/apache/log4j/MDC");
    rule(OK, "javax/crypto/Cipher.", "javax/crypto/SecretKey.", "java/security/Key.");
    rule(REFLECTION, "java/lang/Class.", "java/lang/ClassLoader.", "java/lang/ClassValue.");
    rule(REFLECTION, "java/lang/Module", "java/lang/Package.", "java/lang/Compiler.");
    rule(REFLECTION, "java/lang/reflect/", "java/lang/invoke/", "java/lang/instrument/");
    rule(REFLECTION, "java/lang/foreign/", "java/lang/SecurityManager.");
    rule(OK, "java/lang/reflect/Array.", "java/lang/invoke/SerializedLambda.");
    rule(OK, "java/lang/Class.getName", "java/lang/Class.getSimpleName");
    rule(OK, "java/lang/Class.getTypeName", "java/lang/Class.getCanonicalName");
    rule(OK, "java/lang/Class.toString", "java/lang/Class.isInstance", "java/lang/Class.cast");
    rule(
        OK,
        "java/lang/Class.isAssignableFrom",
        "java/lang/Class.isArray",
        "java/lang/Class.equals");
    rule(OK, "java/lang/Class.getComponentType", "java/lang/Class.isPrimitive");
    rule(OK, "java/lang/Class.isEnum", "java/lang/Class.getEnumConstants");
    rule(OK, "java/lang/Class.desiredAssertionStatus", "java/lang/Class.isInterface");
    rule(LINES, "java/lang/Throwable.getStackTrace", "java/lang/StackWalker");
    rule(LINES, "java/lang/Throwable.printStackTrace(L", "java/lang/StackTraceElement.");
    rule(ENV, "java/lang/management/", "java/util/prefs/", "java/lang/ApplicationShutdownHooks.");
    for (String type :
        List.of(
            "Instant",
            "LocalDate",
            "LocalDateTime",
            "LocalTime",
            "ZonedDateTime",
            "OffsetDateTime",
            "OffsetTime",
            "Year",
            "YearMonth",
            "MonthDay")) {
      rule(CLOCK, "java/time/" + type + ".now");
    }
    for (String type : List.of("Hijrah", "Japanese", "Minguo", "ThaiBuddhist")) {
      rule(CLOCK, "java/time/chrono/" + type + "Date.now");
      rule(CLOCK, "java/time/chrono/" + type + "Chronology.dateNow");
    }
    rule(
        CLOCK,
        "java/time/chrono/AbstractChronology.dateNow",
        "java/time/chrono/Chronology.dateNow");
    rule(
        CLOCK,
        "java/time/chrono/IsoChronology.dateNow",
        "java/time/Clock",
        "java/time/InstantSource");
    rule(CLOCK, "java/util/Date.<init>()V", "java/util/Calendar.getInstance");
    rule(CLOCK, "java/util/GregorianCalendar.<init>()V", "java/util/Calendar$Builder.<init>()V");
    rule(CLOCK, "java/util/GregorianCalendar.<init>(L", "java/util/Calendar.<init>");
    rule(DEFAULTS, "java/time/ZoneId.systemDefault", "java/nio/charset/Charset.defaultCharset");
    rule(DEFAULTS, "java/util/Locale.getDefault", "java/util/TimeZone.getDefault");
    rule(CELL, "java/util/Locale.setDefault", "java/util/TimeZone.setDefault");
    rule(CELL, "java/lang/System.set");
    rule(RANDOM, "java/util/Random.<init>()V", "java/util/SplittableRandom.<init>()V");
    rule(RANDOM, "java/util/random/", "java/util/UUID.randomUUID", "java/security/SecureRandom");
    rule(RANDOM, "java/util/concurrent/ThreadLocalRandom");
    rule(RANDOM, "java/util/Collections.shuffle(Ljava/util/List;)V");
    rule(
        IDENTITY,
        "java/util/IdentityHashMap",
        "java/util/WeakHashMap",
        "java/util/Objects.toIdentity");
    rule(IDENTITY, "java/util/Collections.newSetFromMap");
    rule(
        REFLECTION,
        "java/util/ServiceLoader",
        "java/util/ResourceBundle",
        "java/util/PropertyResource");
    rule(THREADS, "java/util/Timer", "java/util/concurrent/", "java/util/Observable.");
    rule(THREADS, "java/util/Collection.parallelStream", "java/util/stream/BaseStream.parallel");
    rule(THREADS, "java/util/stream/Stream.parallel", "java/util/stream/IntStream.parallel");
    rule(THREADS, "java/util/stream/LongStream.parallel", "java/util/stream/DoubleStream.parallel");
    rule(THREADS, "java/util/Arrays.parallel");
    rule(OK, "java/util/concurrent/ConcurrentHashMap", "java/util/concurrent/ConcurrentMap");
    rule(OK, "java/util/concurrent/TimeUnit.", "java/util/concurrent/Callable.");
    rule(OK, "java/util/concurrent/CopyOnWrite", "java/util/concurrent/ConcurrentSkip");
    rule(OK, "java/util/concurrent/atomic/");
    rule(CELL, "java/util/concurrent/locks/");
    rule(FILES, "java/nio/file/", "java/nio/channels/", "java/io/File", "java/io/RandomAccess");
    rule(
        FILES,
        "java/util/zip/ZipFile",
        "java/util/jar/",
        "java/nio/MappedByteBuffer.",
        "java/io/Console");
    for (String type :
        List.of("java/io/PrintWriter", "java/io/PrintStream", "java/util/Formatter")) {
      rule(FILES, type + ".<init>(Ljava/lang/String;", type + ".<init>(Ljava/io/File;");
    }
    rule(FILES, "java/util/Scanner.<init>(Ljava/io/File;", "java/util/Scanner.<init>(Ljava/nio/");
    rule(NETWORK, "java/net/", "java/net/URL.getContent", "javax/net/", "java/rmi/");
    // Scala's library is open, but for:
    rule(RANDOM, "scala/util/Random", "scala/math/package$.random");
    rule(ENV, "scala/sys/", "scala/util/Properties", "scala/compat/Platform");
    rule(FILES, "scala/io/", "scala/xml/XML", "scala/reflect/io/");
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
    if (owner.startsWith("java/util/Calendar")
        || owner.startsWith("java/util/GregorianCalendar")
        || owner.equals("java/text/SimpleDateFormat")
        || owner.equals("java/text/DateFormat")) {
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

  /** True if a row is about this member, and not only about the package around it. */
  static boolean isNamed(String owner, String name, String desc) {
    String why = find(owner, name, desc);
    return !why.isEmpty() && !why.equals(UNKNOWN) && !why.equals(SPARK);
  }

  private static String find(String owner, String name, String desc) {
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

  /** The prefixes of the table, for the test that looks for rows without effect. */
  static List<String> prefixes() {
    return new ArrayList<>(RULES.keySet());
  }
}
