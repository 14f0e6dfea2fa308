// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Members of the JDK and of logging whose results depend on the clock, the process, the host,
 * chance, or the identity of objects, many of them in classes that are harmless otherwise; and
 * their neighbours, which do not.
 */
class ImpureMembersTest {
  private static final List<String> IMPURE =
      List.of(
          // the clock
          "TimeZone.getTimeZone(\"Europe/Paris\").getRawOffset()",
          "TimeZone.getTimeZone(\"Europe/Paris\").observesDaylightTime()",
          "TimeZone.getAvailableIDs(3600000).length",
          "new SimpleDateFormat(\"yyyy\").get2DigitYearStart().getTime()",
          "new SimpleDateFormat(\"y\" + x, new Locale(\"yyyy\")).format(new Date(0))",
          "two(x > 0 ? \"yy\" : \"yyyy\")",
          "new SimpleDateFormat(\"yyyy\").getCalendar().getTimeInMillis()",
          "DateFormat.getDateTimeInstance().parse(\"1/1/70\").getTime()",
          "new MessageFormat(\"{0,date,yy}\").parse(\"70\")[0]",
          "((Format) new MessageFormat(\"{0,date,yy}\")).parseObject(\"70\")",
          "((DateFormat) new MessageFormat(\"{0,date}\").getFormats()[0]).getCalendar()",
          "store()",
          "zip()",
          "Currency.getInstance(Locale.FRANCE).getCurrencyCode()",
          "java.time.chrono.ThaiBuddhistDate.now().toString()",
          "java.time.chrono.IsoChronology.INSTANCE.dateNow().toString()",
          "java.time.Clock.systemUTC().millis()",
          "java.time.OffsetTime.now().toString()",
          "new GregorianCalendar(TimeZone.getTimeZone(\"UTC\")).get(Calendar.YEAR)",
          "new Date(\"1/1/70\").getTime()",
          "new Format2().year()",
          "java.time.InstantSource.system().millis()",
          // chance
          "new java.math.BigInteger(\"15\").isProbablePrime(1)",
          "java.util.random.RandomGenerator.getDefault().nextInt()",
          "java.util.random.RandomGenerator.of(\"L64X128MixRandom\").nextInt()",
          "new SplittableRandom().nextInt()",
          "new java.security.SecureRandom(new byte[] {1}).nextInt()",
          "javax.crypto.KeyGenerator.getInstance(\"AES\").generateKey().getEncoded()[0]",
          "java.security.KeyPairGenerator.getInstance(\"RSA\").generateKeyPair().hashCode()",
          "java.util.concurrent.ThreadLocalRandom.current().nextInt()",
          // threads
          "StreamSupport.stream(List.of(1, 2).spliterator(), true).findAny().get()",
          "StreamSupport.stream(List.of(1, 2).spliterator(), x > 1).findAny().get()",
          "StreamSupport.stream(List.of(1, 2).spliterator(), x > 1 ? true : false).findAny().get()",
          "new java.util.concurrent.ConcurrentHashMap<>(Map.of(1, 2)).search(1, (a, b) -> a)",
          "new java.util.concurrent.ConcurrentHashMap<>(Map.of(1, 2)).reduceValues(1, (a, b) -> a)",
          "java.util.concurrent.CompletableFuture.supplyAsync(() -> 1).get()",
          "java.util.concurrent.TimeUnit.SECONDS.toString() + waited()",
          "IntStream.range(0, 9).parallel().boxed().findAny().get()",
          "new ArrayList<>(List.of(1)).parallelStream().findAny().get()",
          "java.util.concurrent.ForkJoinPool.commonPool().getParallelism()",
          "ProcessHandle.current().pid()",
          // identity, memory
          "java.nio.ByteBuffer.allocateDirect(9).alignmentOffset(0, 8)",
          "System.identityHashCode(x)",
          "Thread.State.NEW.hashCode()",
          "new WeakHashMap<Object, Integer>().size()",
          "Runtime.getRuntime().freeMemory()",
          "new java.lang.ref.SoftReference<>(x).get()",
          // the process and the host
          "java.lang.management.ManagementFactory.getRuntimeMXBean().getName()",
          "new java.io.File(\"a\").getAbsolutePath()",
          "new java.io.File(\"a\").exists()",
          "new java.io.File(\"a\").getCanonicalPath()",
          "new java.io.File(\"/tmp\").list().length",
          "new java.io.File(\"a\").toURI().toString()",
          "java.nio.file.Path.of(\"a\").toAbsolutePath().toString()",
          "java.nio.file.Path.of(\"a\").toUri().toString()",
          "java.nio.file.Path.of(\"a\").toFile().length()",
          "new java.io.RandomAccessFile(\"/etc/hosts\" + x, \"r\").length()",
          "java.nio.channels.FileChannel.open(java.nio.file.Path.of(\"a\")).size()",
          "new java.util.zip.ZipFile(\"a\").size()",
          "new java.util.jar.JarFile(\"a\").size()",
          "new Formatter(\"out\").toString()",
          "new Scanner(new java.io.File(\"a\")).next()",
          "java.nio.file.FileSystems.getDefault().getSeparator()",
          "java.net.InetAddress.getLocalHost().getHostName()",
          "new java.net.URL(\"http://a\").equals(new java.net.URL(\"http://b\"))",
          "new java.net.URL(\"http://a\").hashCode()",
          "java.net.URLConnection.guessContentTypeFromName(\"a.txt\")",
          "java.net.http.HttpClient.newHttpClient().toString()",
          "java.sql.DriverManager.getConnection(\"jdbc:x\").toString()",
          "java.security.Security.getProviders().length",
          "java.security.MessageDigest.getInstance(\"MD5\").getProvider().getName()",
          "javax.crypto.Cipher.getMaxAllowedKeyLength(\"AES\")",
          "System.getLogger(\"a\").isLoggable(System.Logger.Level.INFO)",
          "java.util.prefs.Preferences.userRoot().get(\"a\", \"b\")",
          "java.awt.Toolkit.getDefaultToolkit().getScreenResolution()",
          "javax.imageio.ImageIO.getUseCache()",
          "Integer.getInteger(\"a\")",
          "java.nio.charset.Charset.defaultCharset().name()",
          // reflection and other code
          "java.lang.constant.ClassDesc.of(\"user.X\").resolveConstantDesc(null)",
          "ModuleLayer.boot().modules().size()",
          "java.lang.module.ModuleFinder.ofSystem().findAll().size()",
          "java.util.spi.ToolProvider.findFirst(\"javac\").isPresent()",
          "ResourceBundle.getBundle(\"a\").getString(\"b\")",
          "java.time.zone.ZoneRulesProvider.refresh()",
          "java.util.concurrent.atomic.AtomicIntegerFieldUpdater.newUpdater(V.class, \"v\").hashCode()",
          "new java.io.ObjectInputStream(new java.io.ByteArrayInputStream(new byte[0])).readObject()",
          "java.lang.reflect.Proxy.newProxyInstance(null, new Class<?>[0], null)",
          "javax.script.ScriptEngineManager.class.getDeclaredConstructor().newInstance()",
          // logging
          "org.slf4j.MDC.get(\"a\")",
          "org.slf4j.MDC.getCopyOfContextMap().size()",
          "org.slf4j.LoggerFactory.getILoggerFactory().getClass().getName()",
          "org.apache.logging.log4j.ThreadContext.get(\"a\")",
          "org.apache.logging.log4j.LogManager.getRootLogger().getLevel().toString()",
          "java.util.logging.LogManager.getLogManager().getProperty(\"handlers\")",
          "java.util.logging.Logger.getLogger(\"a\").getHandlers().length",
          "java.util.logging.Logger.getLogger(\"a\").getLevel() == null",
          "new java.util.logging.LogRecord(java.util.logging.Level.INFO, \"a\").getMillis()",
          "java.util.logging.Logger.getGlobal().getName()");

  private static final List<String> PURE =
      List.of(
          "TimeZone.getTimeZone(\"Europe/Paris\").getOffset(x)",
          "TimeZone.getTimeZone(\"Europe/Paris\").getID()",
          "new SimpleTimeZone(x, \"a\").getRawOffset()",
          "new MessageFormat(\"{0}-{1}\").format(new Object[] {\"a\", \"b\"})",
          "new ChoiceFormat(\"0#no|1#one\").format(x)",
          "Currency.getInstance(\"EUR\").getDefaultFractionDigits()",
          "java.time.chrono.JapaneseDate.of(2020, 1, 1).toString()",
          "new java.math.BigInteger(\"15\").modPow(java.math.BigInteger.TWO, java.math.BigInteger.TEN)",
          "new SplittableRandom(x).nextInt(1, 9)",
          "new Random(x).nextInt(1, 9)",
          "new Random(x).ints(3).sum()",
          "StreamSupport.stream(List.of(1, x).spliterator(), false).mapToInt(y -> y).sum()",
          "new java.util.concurrent.ConcurrentHashMap<>(Map.of(1, 2)).merge(1, x, Integer::sum)",
          "java.util.concurrent.TimeUnit.HOURS.toMillis(x)",
          "java.nio.ByteBuffer.allocate(8).putInt(x).getInt(0)",
          "new java.io.File(\"/a/b.txt\").getName() + x",
          "new java.io.File(\"/a\", \"b\").getPath() + x",
          "java.nio.file.Path.of(\"/a/../b\").normalize().getFileName().toString() + x",
          "java.nio.file.Paths.get(\"a\", \"b\").toString() + x",
          "new Formatter(new StringBuilder(), Locale.US).format(\"%d\", x).toString()",
          "new Scanner(\"1 2\").nextInt() + x",
          "java.net.IDN.toASCII(\"b\\u00fccher\") + x",
          "java.net.URI.create(\"http://h/p?q\").getQuery() + x",
          "new java.util.zip.CRC32().getValue() + x",
          "new java.io.StringReader(\"a\").read() + x",
          "new java.io.CharArrayReader(new char[] {'a'}).read() + x",
          "new java.io.LineNumberReader(new java.io.StringReader(\"a\")).readLine() + x",
          "new StringTokenizer(\"a b\").countTokens() + x",
          "HexFormat.of().formatHex(new byte[] {x.byteValue()})",
          "java.text.Normalizer.normalize(\"a\", java.text.Normalizer.Form.NFD) + x",
          "Character.getName(x)",
          "LocalDateHelp.weeks(x)",
          "new java.sql.Time(x).getTime()",
          "Locale.forLanguageTag(\"de\").getLanguage() + x",
          "Optional.of(x).stream().count()",
          "Math.fma(x, 2.0, 1.0)",
          "new BitSet(x).cardinality()",
          "new java.util.concurrent.ConcurrentLinkedQueue<>(List.of(x)).poll()",
          "logged(x)",
          "built(x)");

  private static final String HELPERS =
      """
        static Object two(String p) { String other = "yyyy"; return new SimpleDateFormat(p, Locale.US).format(new Date(0)) + other; }
        static Object store() throws Exception { java.io.StringWriter w = new java.io.StringWriter(); new Properties().store(w, null); return w.toString(); }
        static int zip() throws Exception { java.io.ByteArrayOutputStream b = new java.io.ByteArrayOutputStream(); java.util.zip.ZipOutputStream z = new java.util.zip.ZipOutputStream(b); z.putNextEntry(new java.util.zip.ZipEntry("a")); z.close(); return Arrays.hashCode(b.toByteArray()); }
        static int waited() throws Exception { java.util.concurrent.TimeUnit.MILLISECONDS.sleep(1); return 1; }
        static class Format2 extends SimpleDateFormat { Format2() { super("yyyy"); } int year() { return calendar.get(Calendar.YEAR); } }
        static class V { volatile int v; }
        static class LocalDateHelp { static long weeks(int x) { return java.time.temporal.ChronoUnit.WEEKS.between(java.time.LocalDate.EPOCH, java.time.LocalDate.ofEpochDay(x)); } }
        static final org.slf4j.Logger LOG = org.slf4j.LoggerFactory.getLogger("x");
        static Object logged(int x) { if (LOG.isInfoEnabled()) { LOG.info("row {}", x); } return x; }
        static Object built(int x) { LOG.atDebug().addArgument(x).log("row {}"); return x; }
      """;

  @Test
  void whatDependsOnMoreIsRefusedAndItsNeighboursAreKept(@TempDir Path dir) throws Exception {
    Map<String, String> sources = new LinkedHashMap<>();
    for (int i = 0; i < IMPURE.size(); i++) {
      sources.put("user/I" + i + ".java", source("I" + i, IMPURE.get(i)));
    }
    for (int i = 0; i < PURE.size(); i++) {
      sources.put("user/P" + i + ".java", source("P" + i, PURE.get(i)));
    }
    List<String> kept = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      ClassLoader loader = snippets.load(snippets.compile(sources, List.of()));
      CodeHasher hasher = new CodeHasher(loader);
      for (int i = 0; i < IMPURE.size(); i++) {
        if (refusal(hasher, loader, "I" + i).isEmpty()) {
          kept.add(IMPURE.get(i));
        }
      }
      for (int i = 0; i < PURE.size(); i++) {
        String why = refusal(hasher, loader, "P" + i);
        if (!why.isEmpty()) {
          refused.add(PURE.get(i) + ": " + why);
        }
      }
    }
    assertThat(kept).as("kept, though they depend on more than arguments").isEmpty();
    assertThat(refused).as("refused, though they depend on arguments only").isEmpty();
    assertThat(IMPURE).hasSizeGreaterThan(90);
  }

  private static String source(String name, String expression) {
    return """
        package user;
        import java.text.*;
        import java.util.*;
        import java.util.stream.*;
        import org.apache.spark.sql.api.java.*;
        public class %s {
          static UDF1<Integer, Object> udf(UDF1<Integer, Object> f) { return f; }
        %s
          static Object make() { return udf(x -> %s); }
        }
        """
        .formatted(name, HELPERS, body(expression));
  }

  /** A method without a result needs a block. */
  private static String body(String expression) {
    return expression.endsWith("refresh()") ? "{ " + expression + "; return 1; }" : expression;
  }

  private static String refusal(CodeHasher hasher, ClassLoader loader, String name) {
    try {
      Object unused = hasher.hash(JavaSnippets.make(loader, "user." + name), "");
      return "";
    } catch (RefusedException e) {
      return e.refusal().sentence();
    }
  }
}
