// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two programs that differ in one place and give other rows: their functions have other identities,
 * or none. That the rows differ is tried, so that no pair tests nothing.
 */
class CodeChangesTest {
  private static final List<ProgramChange> CHANGES = new ArrayList<>();

  private static void change(String name, String before, String after, String body) {
    CHANGES.add(new ProgramChange(name, body, before, after));
  }

  static {
    String read =
        "static Object make() { return udf(x -> { B b = MAPPER.readValue(\"{\\\"a\\\":\" + x + \"}\", B.class); return b.toString(); }); } ";
    // Kind 1: classes that a library reaches by reflection.
    change(
        "a deserializer named by an annotation",
        "1",
        "2",
        read
            + "@JsonDeserialize(using = D.class) public static class B { final int a; B(int a) { this.a = a; } public String toString() { return \"B\" + a; } }"
            + "public static class D extends StdDeserializer<B> { public D() { super(B.class); } public B deserialize(JsonParser p, DeserializationContext c) throws java.io.IOException { JsonNode n = p.readValueAsTree(); return new B(n.get(\"a\").asInt() + @); } }");
    change(
        "a converter named by an annotation",
        "1",
        "2",
        read
            + "@JsonDeserialize(converter = C.class) public static class B { final int a; B(int a) { this.a = a; } public String toString() { return \"B\" + a; } }"
            + "public static class R { public int a; }"
            + "public static class C extends com.fasterxml.jackson.databind.util.StdConverter<R, B> { public B convert(R r) { return new B(r.a * @); } }");
    change(
        "a builder named by an annotation",
        "1",
        "2",
        read
            + "@JsonDeserialize(builder = Q.class) public static class B { final int a; B(int a) { this.a = a; } public String toString() { return \"B\" + a; } }"
            + "public static class Q { int a; public Q withA(int v) { a = v + @; return this; } public B build() { return new B(a); } }");
    change(
        "the type of a setter's parameter",
        "1",
        "2",
        read
            + "public static class B { int v; public void setA(W w) { v = w.v; } public String toString() { return \"B\" + v; } }"
            + "public static class W { int v; public W(int v) { this.v = v + @; } }");
    change(
        "the parameter of a creator",
        "1",
        "2",
        read
            + "public static class B { int v; @JsonCreator public B(@JsonProperty(\"a\") W w) { v = w.v; } public String toString() { return \"B\" + v; } }"
            + "public static class W { int v; public W(int v) { this.v = v * (1 + @); } }");
    change(
        "the element of a setter's list",
        "1",
        "2",
        "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"a\\\":[\" + x + \"]}\", B.class).toString()); } "
            + "public static class B { int v; public void setA(List<W> w) { v = w.get(0).v; } public String toString() { return \"B\" + v; } }"
            + "public static class W { int v; public W(int v) { this.v = v - @; } }");
    change(
        "subtypes named by an annotation",
        "1",
        "2",
        "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"t\\\":\\\"s\\\",\\\"a\\\":\" + x + \"}\", P.class).v()); } "
            + "@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = \"t\") @JsonSubTypes(@JsonSubTypes.Type(value = S.class, name = \"s\")) public interface P { int v(); }"
            + "public static class S implements P { public int a; public int v() { return a + @; } }");
    change(
        "a type that the data names",
        "1",
        "2",
        "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"t\\\":\\\"user.App$S\\\",\\\"a\\\":\" + x + \"}\", P.class).v()); } "
            + "@JsonTypeInfo(use = JsonTypeInfo.Id.CLASS, property = \"t\") public interface P { int v(); }"
            + "public static class S implements P { public int a; public int v() { return a + @; } }");
    change(
        "a type whose name is computed",
        "1",
        "2",
        "static Object make() { return udf(x -> ((P) MAPPER.readValue(\"{\\\"a\\\":\" + x + \"}\", com.fasterxml.jackson.databind.type.TypeFactory.defaultInstance().findClass(\"user.App$\" + \"XS\".substring(1)))).v()); } "
            + "public interface P { int v(); } public static class S implements P { public int a; public int v() { return a + @; } }");
    change(
        "a class made by a name in a constant",
        "1",
        "2",
        "static Object make() { return udf(x -> ((P) org.apache.commons.lang3.ClassUtils.getClass(\"user.App$S\").getDeclaredConstructor().newInstance()).v(x)); } "
            + "public interface P { int v(int x); } public static class S implements P { public int v(int x) { return x + @; } }");
    change(
        "a type token's argument",
        "1",
        "2",
        "static Object make() { return udf(x -> MAPPER.readValue(\"[{\\\"a\\\":\" + x + \"}]\", new com.fasterxml.jackson.core.type.TypeReference<List<B>>() {}).get(0).toString()); } "
            + "public static class B { int v; public void setA(int a) { v = a + @; } public String toString() { return \"B\" + v; } }");
    change(
        "a getter that a codec calls",
        "1",
        "2",
        "static Object make() { return udf(x -> MAPPER.writeValueAsString(new B(x))); } "
            + "public static class B { final int x; B(int x) { this.x = x; } public int getA() { return x + @; } }");
    change(
        "a serializer named by an annotation",
        "1",
        "2",
        "static Object make() { return udf(x -> MAPPER.writeValueAsString(new B(x))); } "
            + "@JsonSerialize(using = S.class) public static class B { final int x; B(int x) { this.x = x; } }"
            + "public static class S extends com.fasterxml.jackson.databind.ser.std.StdSerializer<B> { public S() { super(B.class); } public void serialize(B b, JsonGenerator g, SerializerProvider p) throws java.io.IOException { g.writeNumber(b.x + @); } }");
    change(
        "an enum's creator",
        "1",
        "2",
        "static Object make() { return udf(x -> MAPPER.readValue(\"\" + (x % 2), E.class).name()); } "
            + "public enum E { A, B; @JsonCreator public static E of(int x) { return values()[(x + @) % 2]; } }");
    // Kind 6 and 7: encodings.
    change(
        "a surrogate",
        "\\uD800",
        "\\uD801",
        "static Object make() { return udf(x -> (int) \"@\".charAt(0)); }");
    change(
        "a low surrogate",
        "a\\uDC00",
        "a\\uDC01",
        "static Object make() { return udf(x -> (int) \"@\".charAt(1)); }");
    change(
        "a captured surrogate",
        "\\uD800",
        "\\uD801",
        "static Object make() { String s = new StringBuilder(\"@\").toString(); return udf(x -> (int) s.charAt(0)); }");
    change(
        "a surrogate in an array",
        "\\uDBFF",
        "\\uDBFE",
        "static Object make() { String[] s = {\"@\"}; return udf(x -> (int) s[0].charAt(0)); }");
    change(
        "a char",
        "\\uD800",
        "\\uD801",
        "static Object make() { char c = '@'; Object o = c; return udf(x -> (int) (Character) o); }");
    change(
        "List.of and toList",
        "List.of()",
        "java.util.stream.Stream.of().toList()",
        "static Object make() { List<Object> l = @; return udf(x -> { try { return l.contains(null); } catch (RuntimeException e) { return 1; } }); }");
    change(
        "List.of and toList of three",
        "List.of(1, 2, 3)",
        "java.util.stream.Stream.of(1, 2, 3).toList()",
        "static Object make() { List<Integer> l = @; return udf(x -> { try { return l.indexOf(null); } catch (RuntimeException e) { return 1; } }); }");
    change(
        "what is wrapped",
        "new TreeMap<>(Map.of(\"a\", 1))",
        "new TreeMap<String, Integer>(String.CASE_INSENSITIVE_ORDER) {{ }}",
        "static Map<String, Integer> of(TreeMap<String, Integer> m) { m.put(\"a\", 1); TreeMap<String, Integer> t = new TreeMap<>((SortedMap<String, Integer>) m); return Collections.unmodifiableMap(t); } static Object make() { Map<String, Integer> m = of(@); return udf(x -> m.get(\"A\")); }");
    change(
        "the order of insertion, in one bucket",
        "\"Aa\", \"BB\"",
        "\"BB\", \"Aa\"",
        "static Object make() { Map<String, Integer> m = new HashMap<>(); for (String k : List.of(@)) m.put(k, 1); return udf(x -> m.keySet().iterator().next()); }");
    change(
        "the order of insertion in a set",
        "\"Aa\", \"BB\"",
        "\"BB\", \"Aa\"",
        "static Object make() { Set<String> m = new HashSet<>(List.of(@)); return udf(x -> m.iterator().next()); }");
    change(
        "an access order",
        "false",
        "true",
        "static Object make() { LinkedHashMap<Integer, Integer> m = new LinkedHashMap<>(16, 0.75f, @); m.put(1, 1); m.put(2, 2); return udf(x -> { m.get(1); return m.keySet().iterator().next(); }); }");
    change(
        "a scale",
        "1.0",
        "1.00",
        "static Object make() { Object d = new java.math.BigDecimal(\"@\"); return udf(x -> d.toString()); }");
    change(
        "a locale's extension",
        "de-u-nu-arab",
        "de",
        "static Object make() { Locale l = Locale.forLanguageTag(\"@\"); return udf(x -> String.valueOf(l.getExtensionKeys())); }");
    change(
        "a format's leniency",
        "true",
        "false",
        "static Object make() { var f = new java.text.SimpleDateFormat(\"yyyy-MM-dd\", Locale.US); f.setLenient(@); return udf(x -> { try { return f.parse(\"2020-14-01\").getTime(); } catch (java.text.ParseException e) { return 0; } }); }");
    change(
        "a format's zone",
        "UTC",
        "GMT+3",
        "static Object make() { var f = new java.text.SimpleDateFormat(\"yyyy-MM-dd\", Locale.US); f.setTimeZone(TimeZone.getTimeZone(\"@\")); return udf(x -> f.parse(\"2020-10-01\").getTime()); }");
    change(
        "a format's symbols",
        "a",
        "b",
        "static Object make() { var s = new java.text.DateFormatSymbols(Locale.US); s.setAmPmStrings(new String[] {\"@\", \"p\"}); var f = new java.text.SimpleDateFormat(\"yyyy a\", s); return udf(x -> f.format(new Date(0))); }");
    change(
        "a decimal format's rounding",
        "UP",
        "DOWN",
        "static Object make() { var f = new java.text.DecimalFormat(\"0.0\"); f.setRoundingMode(java.math.RoundingMode.@); return udf(x -> f.format(0.16)); }");
    change(
        "a calendar's first day",
        "1",
        "2",
        "static Object make() { Calendar c = Calendar.getInstance(TimeZone.getTimeZone(\"UTC\"), Locale.US); c.setTimeInMillis(0); c.setFirstDayOfWeek(@); return udf(x -> c.getFirstDayOfWeek()); }");
    change(
        "a bit",
        "1",
        "2",
        "static Object make() { BitSet b = new BitSet(); b.set(@); return udf(x -> b.get(x)); }");
    change(
        "a random's seed",
        "1",
        "2",
        "static Object make() { Random r = new Random(@); return udf(x -> r.nextInt()); }");
    change(
        "a comparator's direction",
        "Comparator.<Integer>naturalOrder()",
        "Comparator.<Integer>reverseOrder()",
        "static Object make() { TreeSet<Integer> s = new TreeSet<>(@); s.add(1); s.add(2); return udf(x -> s.first()); }");
    change(
        "an alias between two fields",
        "l",
        "new ArrayList<>(l)",
        "record P(List<Integer> a, List<Integer> b) implements java.io.Serializable {} static Object make() { List<Integer> l = new ArrayList<>(List.of(1)); P p = new P(l, @); return udf(x -> p.a() == p.b()); }");
    change(
        "a cycle",
        "n",
        "null",
        "static class N implements java.io.Serializable { N next; } static Object make() { N n = new N(); n.next = @; return udf(x -> n.next == null); }");
    change(
        "an enum constant's body",
        "1",
        "2",
        "enum E { A { int f(int x) { return x + @; } }; abstract int f(int x); } static Object make() { return udf(x -> E.valueOf(\"A\").f(x)); }");
    change(
        "a captured enum constant's body",
        "1",
        "2",
        "enum E { A { int f(int x) { return x + @; } }; abstract int f(int x); } static Object make() { E e = E.A; return udf(x -> e.f(x)); }");
    // Kind 8: text that the JVM makes.
    change(
        "a parameter's name in a message",
        "first",
        "other",
        "static int len(String @) { return @.length(); } static Object make() { return udf(x -> { try { return len(x > 9 ? \"\" : null); } catch (NullPointerException e) { return e.getMessage(); } }); }");
    change(
        "a local's name in a message",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return e.toString(); } }); }");
    change(
        "a local's name in a concatenation",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return \"failed: \" + e; } }); }");
    change(
        "a local's name in String.valueOf",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return String.valueOf(e); } }); }");
    change(
        "a local's name through a library",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return org.apache.commons.lang3.exception.ExceptionUtils.getMessage(e); } }); }");
    change(
        "a local's name in a cause",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return new IllegalStateException(e).getMessage(); } }); }");
    change(
        "the number of an anonymous exception",
        "",
        "new Object() { };",
        "static void other() { @ } static Object make() { return udf(x -> new RuntimeException() { }.toString()); }");
    change(
        "the number of an anonymous class",
        "",
        "new Object() { };",
        "static void other() { @ } static Object make() { return udf(x -> new Object() { }.getClass().getName()); }");
    // Statics and captured state.
    change(
        "a static map's entry",
        "1",
        "2",
        "static final Map<String, Integer> M = new HashMap<>(); static { M.put(\"a\", @); } static Object make() { return udf(x -> M.get(\"a\")); }");
    change(
        "a static array's element",
        "1",
        "2",
        "static final int[] A = {0, @}; static Object make() { return udf(x -> A[1]); }");
    change(
        "a static of another class",
        "1",
        "2",
        "static class H { static final List<Integer> L = new ArrayList<>(); static { L.add(@); } } static Object make() { return udf(x -> H.L.get(0)); }");
    change(
        "what the driver put in a static",
        "1",
        "2",
        "static final Map<String, Integer> M = new HashMap<>(); static Object make() { M.put(\"a\", Integer.valueOf(\"@\")); return udf(x -> M.get(\"a\")); }");
    change(
        "a mapper's configuration",
        "true",
        "false",
        "static final ObjectMapper M = new ObjectMapper().configure(SerializationFeature.WRITE_SINGLE_ELEM_ARRAYS_UNWRAPPED, @); static Object make() { return udf(x -> M.writeValueAsString(List.of(x))); }");
    change(
        "who configures a mapper later",
        "",
        "M.enable(SerializationFeature.WRITE_SINGLE_ELEM_ARRAYS_UNWRAPPED);",
        "static final ObjectMapper M = new ObjectMapper(); static Object make() { @ return udf(x -> M.writeValueAsString(List.of(x))); }");
    change(
        "who configures a mapper through a getter",
        "",
        "H.get().enable(SerializationFeature.WRITE_SINGLE_ELEM_ARRAYS_UNWRAPPED);",
        "static class H { static final ObjectMapper M = new ObjectMapper(); static ObjectMapper get() { return M; } } static Object make() { @ return udf(x -> H.M.writeValueAsString(List.of(x))); }");
    change(
        "a bean's array",
        "1",
        "2",
        "static class C implements java.io.Serializable { int[] a; C(int v) { a = new int[] {v}; } } static Object make() { C c = new C(@); return udf(x -> c.a[0]); }");
    change(
        "a model's leaf",
        "1",
        "2",
        "static class N implements java.io.Serializable { N l; int v; N(N l, int v) { this.l = l; this.v = v; } } static Object make() { N n = new N(new N(null, @), 0); return udf(x -> n.l.v); }");
    for (String type :
        List.of(
            "ArrayList",
            "LinkedList",
            "Vector",
            "ArrayDeque",
            "TreeSet",
            "LinkedHashSet",
            "PriorityQueue",
            "HashSet",
            "concurrent.CopyOnWriteArrayList",
            "concurrent.ConcurrentSkipListSet")) {
      change(
          "a captured " + type,
          "1",
          "2",
          "static Object make() { java.util."
              + type
              + "<Integer> l = new java.util."
              + type
              + "<>(List.of(@)); return udf(x -> l.iterator().next()); }");
    }
    for (String type :
        List.of(
            "HashMap",
            "LinkedHashMap",
            "TreeMap",
            "Hashtable",
            "concurrent.ConcurrentHashMap",
            "concurrent.ConcurrentSkipListMap")) {
      change(
          "a captured " + type,
          "1",
          "2",
          "static Object make() { java.util."
              + type
              + "<String, Integer> l = new java.util."
              + type
              + "<>(Map.of(\"a\", @)); return udf(x -> l.get(\"a\")); }");
    }
    for (String type : List.of("int", "long", "short", "byte", "float", "double", "char")) {
      change(
          "a captured array of " + type,
          "1",
          "2",
          "static Object make() { "
              + type
              + "[] a = {@}; return udf(x -> String.valueOf(a[0]) + (int) a[0]); }");
    }
    for (String wrapped :
        List.of(
            "unmodifiableList",
            "unmodifiableCollection",
            "synchronizedList",
            "synchronizedCollection")) {
      change(
          "a list in " + wrapped,
          "1",
          "2",
          "static Object make() { var l = Collections."
              + wrapped
              + "(new ArrayList<>(List.of(@))); return udf(x -> l.iterator().next()); }");
    }
    change(
        "a string builder",
        "a",
        "b",
        "static Object make() { StringBuilder s = new StringBuilder(\"@\"); return udf(x -> s.toString()); }");
    change(
        "a string buffer",
        "a",
        "b",
        "static Object make() { StringBuffer s = new StringBuffer(\"@\"); return udf(x -> s.toString()); }");
    change(
        "an atomic",
        "1",
        "2",
        "static Object make() { var n = new java.util.concurrent.atomic.AtomicInteger(@); return udf(x -> n.get()); }");
    change(
        "a date",
        "1",
        "2",
        "static Object make() { Date d = new Date(@); return udf(x -> d.getTime()); }");
    change(
        "a timestamp's nanos",
        "1",
        "2",
        "static Object make() { var d = new java.sql.Timestamp(0); d.setNanos(@); return udf(x -> d.getNanos()); }");
    change(
        "a property's default",
        "a",
        "b",
        "static Object make() { Properties d = new Properties(); d.setProperty(\"k\", \"@\"); Properties p = new Properties(d); return udf(x -> p.getProperty(\"k\")); }");
    change(
        "a guava list",
        "1",
        "2",
        "static Object make() { var l = com.google.common.collect.ImmutableList.of(@); return udf(x -> l.get(0)); }");
    change(
        "a guava sorted set's order",
        "natural()",
        "natural().reverse()",
        "static Object make() { var l = com.google.common.collect.ImmutableSortedSet.copyOf(com.google.common.collect.Ordering.<Integer>@, List.of(1, 2)); return udf(x -> l.first()); }");
    change(
        "a pattern's flag",
        "0",
        "2",
        "static Object make() { var p = java.util.regex.Pattern.compile(\"a\", @); return udf(x -> p.matcher(\"A\").matches()); }");
    change(
        "a path that a library opens",
        "a",
        "b",
        "static Object make() { return udf(x -> { try { return MAPPER.readTree(new java.net.URL(\"file:/@\")).toString(); } catch (java.io.IOException e) { return \"@\"; } }); }");
    // Plain edits.
    for (String[] edit :
        new String[][] {
          {"x + 1", "x + 2"},
          {"x * 2", "x * 3"},
          {"x > 1", "x > 2"},
          {"\"a\" + x", "\"b\" + x"},
          {"x % 2 == 0 ? 1 : 2", "x % 2 == 0 ? 2 : 1"},
          {"Math.max(x, 1)", "Math.max(x, 2)"},
          {"x << 1", "x << 2"},
          {"(double) x / 2", "(double) x / 3"},
          {"String.valueOf(x).length()", "String.valueOf(x).hashCode()"},
          {"List.of(1, x).get(1)", "List.of(1, x).get(0)"}
        }) {
      change(
          "an expression: " + edit[0],
          edit[0],
          edit[1],
          "static Object make() { return udf(x -> @); }");
      change(
          "a helper's: " + edit[0],
          edit[0],
          edit[1],
          "static Object g(int x) { return @; } static Object f(int x) { return g(x); } static Object make() { return udf(x -> f(x)); }");
    }
    change(
        "a default method",
        "1",
        "2",
        "interface I { default int f(int x) { return x + @; } } static class C implements I, java.io.Serializable { } static Object make() { I i = new C(); return udf(x -> i.f(x)); }");
    change(
        "a superclass",
        "1",
        "2",
        "static class A implements java.io.Serializable { int f(int x) { return x + @; } } static class C extends A { } static Object make() { A i = new C(); return udf(x -> i.f(x)); }");
    change(
        "a nested lambda",
        "1",
        "2",
        "static Object make() { Function<Integer, Integer> f = (Function<Integer, Integer> & java.io.Serializable) y -> y + @; return udf(x -> f.apply(x)); }");
    change(
        "a method reference's target",
        "1",
        "2",
        "static Integer f(Integer y) { return y + @; } static Object make() { return udf(x -> List.of(x).stream().map(App::f).findFirst().get()); }");
    change(
        "a static initializer",
        "1",
        "2",
        "static final int N = Integer.parseInt(\"@\"); static Object make() { return udf(x -> N); }");
    change(
        "an instance initializer",
        "1",
        "2",
        "static class C { int n; { n = @; } } static Object make() { return udf(x -> new C().n); }");
    change(
        "a switch's case",
        "1",
        "2",
        "static Object make() { return udf(x -> { switch (x) { case @: return 7; default: return 8; } }); }");
    change(
        "a loop's bound",
        "3",
        "4",
        "static Object make() { return udf(x -> { int s = 0; for (int i = 0; i < @; i++) s += i; return s; }); }");
    change(
        "a caught type",
        "NumberFormatException",
        "ArithmeticException",
        "static Object make() { return udf(x -> { try { return Integer.parseInt(\"a\"); } catch (@ e) { return 1; } catch (RuntimeException e) { return 2; } }); }");
    change("a cast", "byte", "short", "static Object make() { return udf(x -> (@) (x + 300)); }");
  }

  @Test
  void everyChangeOfRowsIsAChangeOfIdentity(@TempDir Path dir) throws Exception {
    int refused = ProgramChange.requireOtherIdentities(CHANGES, dir);
    assertThat(CHANGES).hasSizeGreaterThanOrEqualTo(120);
    assertThat(refused).isLessThan(CHANGES.size() / 8);
  }
}
