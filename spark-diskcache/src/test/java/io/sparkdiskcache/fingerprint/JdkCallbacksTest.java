// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Code of the user's that the JDK calls, where no call is to be seen. */
class JdkCallbacksTest {
  private static final List<ProgramChange> CHANGES = new ArrayList<>();

  private static void calls(String name, String members, String function) {
    CHANGES.add(
        new ProgramChange(
            name,
            members + " static Object make() { return udf(x -> " + function + "); }",
            "1",
            "2"));
  }

  static {
    calls(
        "what formats itself",
        "static class F implements Formattable { public void formatTo(Formatter f, int a, int b, int c) { f.format(\"@\"); } }",
        "String.format(\"%s\", new F())");
    calls(
        "a text that is matched",
        "static class C implements CharSequence { public int length() { return 1; } public char charAt(int i) { return '@'; } public CharSequence subSequence(int a, int b) { return this; } public String toString() { return \"c\"; } }",
        "java.util.regex.Pattern.compile(\"1\").matcher(new C()).matches()");
    calls(
        "a list that is searched",
        "static class L extends AbstractList<Integer> { public Integer get(int i) { return @; } public int size() { return 1; } }",
        "new L().contains(1)");
    calls(
        "a stream that is read",
        "static class S extends java.io.InputStream { int n; public int read() { return n++ == 0 ? '0' + @ : -1; } }",
        "new java.io.BufferedReader(new java.io.InputStreamReader(new S(), java.nio.charset.StandardCharsets.UTF_8)).readLine()");
    calls(
        "a stream that is written",
        "static class O extends java.io.OutputStream { int n; public void write(int b) { n += b * @; } } static int sum() { O o = new O(); new java.io.PrintStream(o, true).print(\"a\"); return o.n; }",
        "sum()");
    calls(
        "an adjuster of dates",
        "static class A implements java.time.temporal.TemporalAdjuster { public java.time.temporal.Temporal adjustInto(java.time.temporal.Temporal t) { return t.plus(@, java.time.temporal.ChronoUnit.DAYS); } }",
        "java.time.LocalDate.ofEpochDay(x).with(new A()).toString()");
    calls(
        "a query of dates",
        "static class Q implements java.time.temporal.TemporalQuery<Integer> { public Integer queryFrom(java.time.temporal.TemporalAccessor t) { return @; } }",
        "java.time.LocalDate.ofEpochDay(x).query(new Q())");
    calls(
        "a key's equality",
        "static class K { public int hashCode() { return 1; } public boolean equals(Object o) { return @ == 1; } }",
        "new HashSet<>(Arrays.asList(new K(), new K())).size()");
    calls(
        "a key's hash",
        "static class K { final int v; K(int v) { this.v = v; } public int hashCode() { return @ == 1 ? v : 10 - v; } public boolean equals(Object o) { return o == this; } public String toString() { return \"k\" + v; } }",
        "new HashSet<>(Arrays.asList(new K(1), new K(2), new K(3))).toString()");
    calls(
        "an order in a tree",
        "static class K implements Comparable<K> { final int v; K(int v) { this.v = v; } public int compareTo(K o) { return @ == 1 ? v - o.v : o.v - v; } }",
        "new TreeSet<>(Arrays.asList(new K(1), new K(2))).first().v");
    calls("a missing value", "", "new HashMap<Integer, Integer>().computeIfAbsent(x, k -> k + @)");
    calls(
        "a replacement",
        "",
        "java.util.regex.Pattern.compile(\"a\").matcher(\"a\").replaceAll(m -> \"@\")");
    calls(
        "a number that is formatted",
        "static class N extends Number { public int intValue() { return @; } public long longValue() { return @; } public float floatValue() { return @; } public double doubleValue() { return @; } }",
        "new java.text.DecimalFormat(\"0\", java.text.DecimalFormatSymbols.getInstance(Locale.US)).format(new N())");
    calls(
        "a number of the user's",
        "static class N extends Number { public int intValue() { return @; } public long longValue() { return @; } public float floatValue() { return @; } public double doubleValue() { return @; } public byte byteValue() { return @; } }",
        "((Number) new N()).shortValue()");
    calls(
        "a text in a concatenation",
        "static class T { public String toString() { return \"t@\"; } }",
        "\"a\" + new T() + x");
    calls(
        "a text in a list",
        "static class T { public String toString() { return \"t@\"; } }",
        "List.of(new T()).toString()");
    calls(
        "a collector",
        "",
        "java.util.stream.Stream.of(1, 2).collect(java.util.stream.Collector.of(() -> new int[1], (a, b) -> a[0] += b * @, (a, b) -> a, a -> a[0]))");
    calls(
        "a copy",
        "static class C implements Cloneable { int v; public C clone() { C c = new C(); c.v = @; return c; } }",
        "new C().clone().v");
    calls(
        "an iterator behind a join",
        "static class I implements Iterable<String> { public Iterator<String> iterator() { return List.of(\"a@\").iterator(); } }",
        "String.join(\"-\", new I())");
    calls(
        "a format of the user's",
        "static class F extends java.text.Format { public StringBuffer format(Object o, StringBuffer b, java.text.FieldPosition p) { return b.append(\"@\"); } public Object parseObject(String s, java.text.ParsePosition p) { return null; } }",
        "new F().format(x)");
    calls(
        "a resource that is closed",
        "static class R implements AutoCloseable { final int[] a; R(int[] a) { this.a = a; } public void close() { a[0] += @; } } static int closed() { int[] a = {0}; try (R r = new R(a)) { a[0]++; } return a[0]; }",
        "closed()");
    calls(
        "a random of the user's",
        "static class R extends Random { protected int next(int bits) { return @; } }",
        "new R().nextInt()");
    calls(
        "a bundle of the user's",
        "static class B extends ListResourceBundle { protected Object[][] getContents() { return new Object[][] {{\"k\", \"v@\"}}; } }",
        "new B().getString(\"k\")");
    calls(
        "a clock of the user's",
        "static class C extends java.time.Clock { public java.time.ZoneId getZone() { return java.time.ZoneOffset.UTC; } public java.time.Clock withZone(java.time.ZoneId z) { return this; } public java.time.Instant instant() { return java.time.Instant.ofEpochSecond(@); } }",
        "java.time.LocalDateTime.now(new C()).toString()");
    calls(
        "a handler of a proxy",
        "interface I { int f(); }",
        "((I) java.lang.reflect.Proxy.newProxyInstance(App.class.getClassLoader(), new Class<?>[] {I.class}, (p, m, a) -> @)).f()");
    calls(
        "a method handle",
        "static int g() { return @; } static Object handle() { try { return java.lang.invoke.MethodHandles.lookup().findStatic(App.class, \"g\", java.lang.invoke.MethodType.methodType(int.class)).invoke(); } catch (Throwable t) { return -1; } }",
        "handle()");
  }

  @Test
  void everyChangeOfRowsIsAChangeOfIdentity(@TempDir Path dir) throws Exception {
    int refused = ProgramChange.requireOtherIdentities(CHANGES, dir);
    assertThat(CHANGES).hasSizeGreaterThanOrEqualTo(20);
    assertThat(refused).isLessThanOrEqualTo(CHANGES.size() / 4);
  }
}
