// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.api.java.UDF1;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sixty functions as people write them: nearly all have an identity, and compute. */
class EverydayFunctionsTest {
  private static final String PREAMBLE =
      """
      package user;
      import java.math.*;
      import java.nio.charset.StandardCharsets;
      import java.text.*;
      import java.time.*;
      import java.time.format.DateTimeFormatter;
      import java.util.*;
      import java.util.concurrent.atomic.*;
      import java.util.function.*;
      import java.util.regex.*;
      import java.util.stream.*;
      import com.fasterxml.jackson.databind.*;
      import org.apache.spark.sql.api.java.*;
      public class %s {
        static UDF1<Integer, Object> udf(UDF1<Integer, Object> f) { return f; }
      """;

  private static final Map<String, String> FUNCTIONS = new LinkedHashMap<>();

  private static void body(String name, String body) {
    FUNCTIONS.put(name, body);
  }

  private static void make(String name, String statements) {
    body(name, "static Object make() { " + statements + " }");
  }

  static {
    // Captured values.
    make(
        "CapturedHashMap",
        "Map<Integer, String> m = new HashMap<>(); m.put(1, \"a\"); return udf(x -> m.getOrDefault(x, \"?\"));");
    make(
        "CapturedTreeMap",
        "TreeMap<Integer, String> m = new TreeMap<>(Map.of(1, \"a\", 9, \"b\")); return udf(x -> m.floorEntry(x + 1).getValue());");
    make(
        "CapturedArrayList",
        "List<String> l = new ArrayList<>(List.of(\"a\", \"b\")); return udf(x -> l.get(x % 2));");
    make(
        "CapturedHashSet",
        "Set<Integer> s = new HashSet<>(List.of(1, 2)); return udf(x -> s.contains(x));");
    make("CapturedStrings", "String[] names = {\"a\", \"b\"}; return udf(x -> names[x % 2]);");
    make("CapturedInts", "int[] weights = {1, 2, 3}; return udf(x -> weights[x % 3] * x);");
    make("CapturedMatrix", "double[][] m = {{1, 2}, {3, 4}}; return udf(x -> m[x % 2][0]);");
    make(
        "CapturedAsList",
        "List<String> l = Arrays.asList(\"x\", \"y\"); return udf(x -> l.indexOf(\"y\") + x);");
    make(
        "CapturedUnmodifiable",
        "Map<String, Integer> m = Collections.unmodifiableMap(new LinkedHashMap<>(Map.of(\"a\", 1))); return udf(x -> m.get(\"a\") + x);");
    make(
        "CapturedSynchronized",
        "List<Integer> l = Collections.synchronizedList(new ArrayList<>(List.of(5))); return udf(x -> l.get(0) + x);");
    make(
        "CapturedProperties",
        "Properties p = new Properties(); p.setProperty(\"k\", \"v\"); return udf(x -> p.getProperty(\"k\"));");
    make(
        "CapturedEnumMap",
        "EnumMap<RoundingMode, Integer> m = new EnumMap<>(Map.of(RoundingMode.UP, 1)); return udf(x -> m.get(RoundingMode.UP));");
    make("CapturedBitSet", "BitSet b = new BitSet(); b.set(3); return udf(x -> b.get(x));");
    make("CapturedDate", "Date d = new Date(0); return udf(x -> d.getTime() + x);");
    make(
        "CapturedFormat",
        "SimpleDateFormat f = new SimpleDateFormat(\"yyyy-MM-dd\", Locale.US); return udf(x -> f.format(new Date(x * 86400000L)));");
    make(
        "CapturedDecimalFormat",
        "DecimalFormat f = new DecimalFormat(\"0.00\", DecimalFormatSymbols.getInstance(Locale.US)); return udf(x -> f.format(x));");
    make(
        "CapturedBuilder",
        "StringBuilder b = new StringBuilder(\"pre\"); return udf(x -> b.toString() + x);");
    body(
        "CapturedBean",
        "static class Config implements java.io.Serializable { private String name; private int[] limits = {1, 2}; public String getName() { return name; } public void setName(String n) { name = n; } int limit(int i) { return limits[i]; } } static Object make() { Config c = new Config(); c.setName(\"n\"); return udf(x -> c.getName() + c.limit(x % 2)); }");
    body(
        "CapturedRecord",
        "record Model(double[] weights, List<String> names) implements java.io.Serializable { double at(int i) { return weights[i % weights.length]; } } static Object make() { Model m = new Model(new double[] {0.5, 2}, new ArrayList<>(List.of(\"a\"))); return udf(x -> m.at(x) + m.names().get(0)); }");
    body(
        "CapturedTree",
        "static class Node implements java.io.Serializable { Node left, right; int at, value; int find(int x) { return left == null ? value : x < at ? left.find(x) : right.find(x); } } static Node leaf(int v) { Node n = new Node(); n.value = v; return n; } static Object make() { Node n = new Node(); n.at = 3; n.left = leaf(1); n.right = leaf(2); return udf(x -> n.find(x)); }");
    make(
        "CapturedGuava",
        "var m = com.google.common.collect.ImmutableMap.of(1, \"a\"); return udf(x -> m.get(1) + x);");
    // Statics.
    body(
        "StaticMap",
        "static final Map<Integer, String> CODES = new HashMap<>(); static { CODES.put(1, \"one\"); CODES.put(2, \"two\"); } static Object make() { return udf(x -> CODES.getOrDefault(x, \"?\")); }");
    body(
        "StaticStrings",
        "private static final String[] DAYS = {\"mo\", \"tu\"}; static Object make() { return udf(x -> DAYS[x % 2]); }");
    body(
        "StaticList",
        "public static final List<String> L = Arrays.asList(\"a\", \"b\"); static Object make() { return udf(x -> L.get(x % 2)); }");
    body(
        "StaticPattern",
        "private static final Pattern P = Pattern.compile(\"(\\\\d)(\\\\d)?\"); static Object make() { return udf(x -> { Matcher m = P.matcher(\"\" + x); return m.find() ? m.group(1) : null; }); }");
    body(
        "StaticSet",
        "private static final Set<String> STOP = new HashSet<>(Arrays.asList(\"a\", \"the\")); static Object make() { return udf(x -> STOP.contains(\"the\")); }");
    body(
        "StaticMapper",
        "private static final ObjectMapper MAPPER = new ObjectMapper(); static Object make() { return udf(x -> MAPPER.readTree(\"{\\\"a\\\":\" + x + \"}\").get(\"a\").asInt()); }");
    body(
        "StaticConfiguredMapper",
        "public static final ObjectMapper MAPPER = new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false); public static class P { public int a; } static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"a\\\":1,\\\"b\\\":2}\", P.class).a + x); }");
    body(
        "StaticFastDateFormat",
        "private static final org.apache.commons.lang3.time.FastDateFormat F = org.apache.commons.lang3.time.FastDateFormat.getInstance(\"yyyy-MM-dd\", TimeZone.getTimeZone(\"UTC\"), Locale.US); static Object make() { return udf(x -> F.format(new Date(x * 86400000L))); }");
    body(
        "StaticSplitter",
        "private static final com.google.common.base.Splitter S = com.google.common.base.Splitter.on(','); static Object make() { return udf(x -> S.splitToList(\"a,\" + x).get(1)); }");
    body(
        "StaticFormat",
        "private static final DateFormat F = new SimpleDateFormat(\"yyyyMMdd\", Locale.US); static Object make() { return udf(x -> F.format(new Date(x * 86400000L))); }");
    body(
        "ThreadLocalFormat",
        "private static final ThreadLocal<SimpleDateFormat> F = ThreadLocal.withInitial(() -> new SimpleDateFormat(\"yyyy\", Locale.US)); static Object make() { return udf(x -> F.get().format(new Date(x * 86400000L))); }");
    body(
        "StaticFormatter",
        "private static final DateTimeFormatter F = DateTimeFormatter.ofPattern(\"dd/MM/yy\"); static Object make() { return udf(x -> LocalDate.ofEpochDay(x).format(F)); }");
    body(
        "EnumWithField",
        "enum Level { LOW(1), HIGH(5); final int w; Level(int w) { this.w = w; } static Level of(int x) { return x > 3 ? HIGH : LOW; } } static Object make() { return udf(x -> Level.of(x).w); }");
    body(
        "EnumMapStatic",
        "enum K { A, B } static final Map<K, Integer> M = new EnumMap<>(K.class); static { M.put(K.A, 1); } static Object make() { return udf(x -> M.getOrDefault(K.A, 0)); }");
    body(
        "Slf4jGuard",
        "static final org.slf4j.Logger LOG = org.slf4j.LoggerFactory.getLogger(\"x\"); static Object make() { return udf(x -> { if (LOG.isDebugEnabled()) { LOG.debug(\"row \" + x); } return x; }); }");
    body(
        "JavaLogging",
        "static final java.util.logging.Logger LOG = java.util.logging.Logger.getLogger(\"x\"); static Object make() { return udf(x -> { LOG.fine(\"row\"); return x + 1; }); }");
    // Calls.
    make(
        "CalendarSet",
        "return udf(x -> { Calendar c = Calendar.getInstance(TimeZone.getTimeZone(\"UTC\"), Locale.US); c.setTime(new Date(x * 86400000L)); return c.get(Calendar.YEAR); });");
    make(
        "CalendarMillis",
        "return udf(x -> { Calendar c = Calendar.getInstance(); c.setTimeInMillis(0); c.add(Calendar.DATE, x); return c.getTimeInMillis(); });");
    make(
        "GregorianFields",
        "return udf(x -> new GregorianCalendar(2020, 1, x + 1).isLeapYear(2020));");
    make(
        "LocalFormat",
        "return udf(x -> new SimpleDateFormat(\"yyyy-MM-dd\").parse(\"2020-01-0\" + (x + 1)).getTime());");
    make(
        "LocalAtomic",
        "return udf(x -> { AtomicLong n = new AtomicLong(); List.of(1, 2).forEach(y -> n.addAndGet(y * x)); return n.get(); });");
    make("LineSeparator", "return udf(x -> \"a\" + System.lineSeparator() + x);");
    make(
        "MessageDigestHex",
        "return udf(x -> { byte[] d = java.security.MessageDigest.getInstance(\"MD5\").digest((\"\" + x).getBytes(StandardCharsets.UTF_8)); StringBuilder b = new StringBuilder(); for (byte y : d) b.append(String.format(\"%02x\", y)); return b.toString(); });");
    make(
        "CipherEcb",
        "return udf(x -> { javax.crypto.Cipher c = javax.crypto.Cipher.getInstance(\"AES/ECB/PKCS5Padding\"); c.init(javax.crypto.Cipher.ENCRYPT_MODE, new javax.crypto.spec.SecretKeySpec(new byte[16], \"AES\")); return Base64.getEncoder().encodeToString(c.doFinal((\"\" + x).getBytes(StandardCharsets.UTF_8))); });");
    make(
        "CipherWithVector",
        "return udf(x -> { javax.crypto.Cipher c = javax.crypto.Cipher.getInstance(\"AES/CBC/PKCS5Padding\"); c.init(1, new javax.crypto.spec.SecretKeySpec(new byte[16], \"AES\"), new javax.crypto.spec.IvParameterSpec(new byte[16])); return c.doFinal(new byte[] {1}).length + x; });");
    make(
        "Hmac",
        "return udf(x -> { javax.crypto.Mac m = javax.crypto.Mac.getInstance(\"HmacSHA256\"); m.init(new javax.crypto.spec.SecretKeySpec(new byte[] {1}, \"HmacSHA256\")); return m.doFinal(new byte[] {1})[0] + x; });");
    make(
        "Base64Text",
        "return udf(x -> new String(Base64.getDecoder().decode(Base64.getEncoder().encode((\"\" + x).getBytes(StandardCharsets.UTF_8))), StandardCharsets.UTF_8));");
    make("SeededRandom", "return udf(x -> new Random(x).nextInt(10));");
    make("NameUuid", "return udf(x -> UUID.nameUUIDFromBytes(new byte[] {1}).toString() + x);");
    make(
        "Decimals",
        "return udf(x -> new BigDecimal(x).divide(new BigDecimal(3), 4, RoundingMode.HALF_UP).toString());");
    make(
        "StreamsOfWords",
        "return udf(x -> Stream.of(\"b\", \"a\").sorted().collect(Collectors.joining(\"-\")) + x);");
    make(
        "GroupedStream",
        "return udf(x -> Stream.of(1, 2, 3).collect(Collectors.groupingBy(y -> y % 2, TreeMap::new, Collectors.counting())).get(1) + x);");
    make(
        "StringSwitch",
        "return udf(x -> { switch (\"\" + x) { case \"1\": return \"one\"; default: return \"many\"; } });");
    make(
        "Zones",
        "return udf(x -> Instant.ofEpochSecond(x).atZone(ZoneId.of(\"Europe/Paris\")).toLocalDate().toString());");
    make(
        "TryCatch",
        "return udf(x -> { try { return Integer.parseInt(\"a\" + x); } catch (NumberFormatException e) { return -1; } });");
    make(
        "CommonsLang",
        "return udf(x -> org.apache.commons.lang3.StringUtils.leftPad(\"\" + x, 5, '0'));");
    make(
        "CommonsCodec",
        "return udf(x -> org.apache.commons.codec.digest.DigestUtils.md5Hex(\"\" + x));");
    make("UrlParts", "return udf(x -> new java.net.URL(\"http://h/\" + x).getPath());");
    make(
        "OptionalChain",
        "return udf(x -> Optional.of(x).filter(y -> y > 1).map(y -> y * 2).orElse(0));");
    body(
        "GenericHelper",
        "interface Shape { double area(); } record Square(double s) implements Shape { public double area() { return s * s; } } record Circle(double r) implements Shape { public double area() { return 3 * r * r; } } static Object make() { return udf(x -> { Shape s = x > 1 ? new Square(x) : new Circle(x); return s.area(); }); }");
    body(
        "Memo",
        "static int fib(int n) { int[] t = new int[n + 2]; t[1] = 1; for (int i = 2; i <= n; i++) t[i] = t[i - 1] + t[i - 2]; return t[n]; } static Object make() { return udf(x -> fib(x)); }");
    make(
        "NanoTiming",
        "return udf(x -> { long t = System.nanoTime(); int y = x * 2; org.slf4j.LoggerFactory.getLogger(\"x\").debug(\"{}\", System.nanoTime() - t); return y; });");
    make(
        "Xml",
        "return udf(x -> javax.xml.parsers.DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new org.xml.sax.InputSource(new java.io.StringReader(\"<a/>\"))).getDocumentElement().getTagName() + x);");
    body(
        "DoubleChecked",
        "private static volatile List<String> list; static List<String> list() { if (list == null) { synchronized (DoubleChecked.class) { if (list == null) { list = List.of(\"a\"); } } } return list; } static Object make() { return udf(x -> list().get(0) + x); }");
  }

  @Test
  @SuppressWarnings("unchecked") // what make() gives
  void nearlyAllAreKept(@TempDir Path dir) throws Exception {
    Map<String, String> sources = new LinkedHashMap<>();
    FUNCTIONS.forEach(
        (name, body) ->
            sources.put("user/" + name + ".java", PREAMBLE.formatted(name) + body + "\n}\n"));
    List<String> refused = new ArrayList<>();
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      ClassLoader loader = snippets.load(snippets.compile(sources, List.of()));
      CodeHasher first = new CodeHasher(loader);
      CodeHasher second = new CodeHasher(loader);
      for (String name : FUNCTIONS.keySet()) {
        UDF1<Integer, Object> function =
            (UDF1<Integer, Object>) JavaSnippets.make(loader, "user." + name);
        assertThat(function.call(1)).as(name).isNotNull();
        try {
          byte[] digest = first.hash(function, "").digest();
          assertThat(second.hash(function, "").digest())
              .as("%s, after a call", name)
              .isEqualTo(digest);
        } catch (RefusedException e) {
          refused.add(name + ": " + e.refusal().sentence());
        }
      }
    }
    System.out.printf(
        "%d of %d everyday functions are kept; refused:%n  %s%n",
        FUNCTIONS.size() - refused.size(), FUNCTIONS.size(), String.join("\n  ", refused));
    assertThat(FUNCTIONS).hasSizeGreaterThanOrEqualTo(60);
    assertThat(refused).as(String.join("\n", refused)).hasSizeLessThanOrEqualTo(6);
  }
}
