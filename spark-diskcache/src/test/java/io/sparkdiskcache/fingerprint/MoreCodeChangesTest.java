// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The tests of {@link CodeChangesTest} for other members of the same kinds: code that libraries
 * reach by reflection, values that encodings may confuse, text that the JVM makes, state.
 */
class MoreCodeChangesTest {
  private static final List<ProgramChange> CHANGES = new ArrayList<>();

  private static void change(String name, String before, String after, String body) {
    CHANGES.add(new ProgramChange(name, body, before, after));
  }

  /** From 1 to 2. */
  private static void number(String name, String body) {
    change(name, "1", "2", body);
  }

  private static final String READ =
      "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"a\\\":\" + x + \"}\", B.class).toString()); } ";
  private static final String WRITE =
      "static Object make() { return udf(x -> MAPPER.writeValueAsString(new B(x))); } ";

  static {
    reflection();
    otherLibraries();
    values();
    texts();
    state();
    language();
  }

  private static void reflection() {
    number(
        "an any-setter",
        READ
            + "public static class B { int v; @JsonAnySetter void put(String k, Integer i) { v = i + @; } public String toString() { return \"B\" + v; } }");
    number(
        "a value method",
        WRITE
            + "public static class B { int x; B(int x) { this.x = x; } @JsonValue int shown() { return x * @; } }");
    number(
        "a naming strategy",
        "static Object make() { return udf(x -> MAPPER.writeValueAsString(new B(x))); } "
            + "@JsonNaming(N.class) public static class B { public int x; B(int x) { this.x = x; } } "
            + "public static class N extends PropertyNamingStrategies.NamingBase { public String translate(String n) { return n + @; } }");
    change(
        "a mix-in",
        "n",
        "m",
        "static Object make() { return udf(x -> new ObjectMapper().addMixIn(B.class, M.class).writeValueAsString(new B(x))); } "
            + "public static class B { final int x; B(int x) { this.x = x; } public int getX() { return x; } } "
            + "public interface M { @JsonProperty(\"@\") int getX(); }");
    number(
        "a key deserializer",
        "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"m\\\":{\\\"k\\\":\" + x + \"}}\", B.class).m.toString()); } "
            + "public static class B { @JsonDeserialize(keyUsing = K.class) public Map<String, Integer> m; } "
            + "public static class K extends KeyDeserializer { public Object deserializeKey(String k, DeserializationContext c) { return k + @; } }");
    number(
        "a content deserializer",
        "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"m\\\":[\" + x + \"]}\", B.class).m.toString()); } "
            + "public static class B { @JsonDeserialize(contentUsing = D.class) public List<Integer> m; } "
            + "public static class D extends StdDeserializer<Integer> { public D() { super(Integer.class); } public Integer deserialize(JsonParser p, DeserializationContext c) throws java.io.IOException { return p.getIntValue() + @; } }");
    number(
        "a filter of values",
        "static Object make() { return udf(x -> MAPPER.writeValueAsString(new B(x))); } "
            + "public static class B { @JsonInclude(value = JsonInclude.Include.CUSTOM, valueFilter = F.class) public Integer x; B(int x) { this.x = x; } } "
            + "public static class F { public boolean equals(Object o) { return Integer.valueOf(@).equals(o); } public int hashCode() { return 1; } }");
    number(
        "an unwrapped part's getter",
        WRITE
            + "public static class B { final int x; B(int x) { this.x = x; } @JsonUnwrapped public W getW() { return new W(x); } } "
            + "public static class W { final int x; W(int x) { this.x = x; } public int getV() { return x + @; } }");
    number(
        "a converted bean",
        "static Object make() { return udf(x -> MAPPER.convertValue(Map.of(\"a\", x), B.class).toString()); } "
            + "public static class B { int v; public void setA(int a) { v = a + @; } public String toString() { return \"B\" + v; } }");
    number(
        "an updated bean",
        "static Object make() { return udf(x -> { B b = new B(); MAPPER.readerForUpdating(b).readValue(\"{\\\"a\\\":\" + x + \"}\"); return b.v; }); } "
            + "public static class B { int v; public void setA(int a) { v += a + @; } }");
    number(
        "a value of a map of lists",
        "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"m\\\":{\\\"k\\\":[{\\\"a\\\":\" + x + \"}]}}\", B.class).m.get(\"k\").get(0).v); } "
            + "public static class B { public Map<String, List<W>> m; } public static class W { int v; public void setA(int a) { v = a + @; } }");
    number(
        "a type made from text",
        "static Object make() { return udf(x -> MAPPER.readValue(\"{\\\"a\\\":\\\"\" + x + \"\\\"}\", B.class).a.v); } "
            + "public static class B { public W a; } public static class W { int v; public static W valueOf(String s) { W w = new W(); w.v = s.length() + @; return w; } }");
    number(
        "a module's deserializer",
        "static Object make() { return udf(x -> new ObjectMapper().registerModule(new com.fasterxml.jackson.databind.module.SimpleModule().addDeserializer(B.class, new D())).readValue(\"\" + x, B.class).v); } "
            + "public static class B { int v; } public static class D extends StdDeserializer<B> { public D() { super(B.class); } public B deserialize(JsonParser p, DeserializationContext c) throws java.io.IOException { B b = new B(); b.v = p.getIntValue() + @; return b; } }");
    number(
        "a super type's setter",
        READ
            + "public static class A { int v; public void setA(int a) { v = a + @; } } public static class B extends A { public String toString() { return \"B\" + v; } }");
    number(
        "a record's compact constructor", READ + "public record B(int a) { public B { a += @; } }");
    number(
        "a default method that is a getter",
        WRITE
            + "public interface I { default int getV() { return @; } } public static class B implements I { B(int x) { } }");
    number(
        "a generic reader's type argument",
        "static Object make() { return udf(x -> MAPPER.readerForListOf(B.class).<List<B>>readValue(\"[{\\\"a\\\":\" + x + \"}]\").get(0).v); } "
            + "public static class B { int v; public void setA(int a) { v = a + @; } }");
    number(
        "an array's element type",
        "static Object make() { return udf(x -> MAPPER.readValue(\"[{\\\"a\\\":\" + x + \"}]\", B[].class)[0].v); } "
            + "public static class B { int v; public void setA(int a) { v = a + @; } }");
  }

  private static void otherLibraries() {
    number(
        "a method called by name",
        "static Object make() { return udf(x -> org.apache.commons.lang3.reflect.MethodUtils.invokeMethod(new B(), \"f\", x)); } "
            + "public static class B { public int f(Integer x) { return x + @; } }");
    number(
        "a static method called by name",
        "static Object make() { return udf(x -> org.apache.commons.lang3.reflect.MethodUtils.invokeStaticMethod(B.class, \"f\", x)); } "
            + "public static class B { public static int f(Integer x) { return x + @; } }");
    number(
        "a constructor called by reflection",
        "static Object make() { return udf(x -> org.apache.commons.lang3.reflect.ConstructorUtils.invokeConstructor(B.class, x).v); } "
            + "public static class B { int v; public B(Integer x) { v = x + @; } }");
    number(
        "a field read by reflection",
        "static Object make() { return udf(x -> org.apache.commons.lang3.reflect.FieldUtils.readField(new B(), \"v\", true)); } "
            + "public static class B { private int v = @; }");
    change(
        "a field's name shown by reflection",
        "first",
        "other",
        "static Object make() { return udf(x -> org.apache.commons.lang3.builder.ToStringBuilder.reflectionToString(new B(), org.apache.commons.lang3.builder.ToStringStyle.JSON_STYLE)); } "
            + "public static class B { int @ = 1; }");
    number(
        "what serialization calls",
        "static Object make() { return udf(x -> org.apache.commons.lang3.SerializationUtils.clone(new B(x)).v); } "
            + "public static class B implements java.io.Serializable { int v; B(int v) { this.v = v; } private Object readResolve() { return new B(this, v + @); } B(B b, int v) { this.v = v; } }");
    number(
        "an enum found by its name",
        "static Object make() { return udf(x -> com.google.common.base.Enums.getIfPresent(E.class, \"A\").get().v + x); } "
            + "public enum E { A(@); final int v; E(int v) { this.v = v; } }");
    number(
        "an enum of a library's map",
        "static Object make() { return udf(x -> org.apache.commons.lang3.EnumUtils.getEnumList(E.class).get(0).v + x); } "
            + "public enum E { A(@); final int v; E(int v) { this.v = v; } }");
    number(
        "a function in a library's collection",
        "static Object make() { return udf(x -> com.google.common.collect.Lists.transform(List.of(x), App::g).get(0)); } static Integer g(Integer x) { return x + @; }");
    number(
        "a comparator of a library's",
        "static Object make() { return udf(x -> com.google.common.collect.Ordering.from(new C()).max(List.of(x, 1))); } "
            + "static class C implements Comparator<Integer> { public int compare(Integer a, Integer b) { return @ == 1 ? a - b : b - a; } }");
    number(
        "a predicate of a library's",
        "static Object make() { return udf(x -> com.google.common.collect.Iterables.filter(List.of(0, 1, 2, x), y -> y > @).toString()); }");
    number(
        "a loader of a library's",
        "static Object make() { return udf(x -> com.google.common.base.Suppliers.memoize(() -> x + @).get()); }");
    number(
        "an element that a library picks",
        "static Object make() { return udf(x -> com.google.common.collect.Iterators.getNext(Arrays.asList(x + @).iterator(), 0)); }");
  }

  private static void values() {
    change(
        "a captured float's zero",
        "0.0f",
        "-0.0f",
        "static Object make() { Float f = @; return udf(x -> 1 / f); }");
    change(
        "a captured double's zero",
        "0.0",
        "-0.0",
        "static Object make() { double[] f = {@}; return udf(x -> 1 / f[0]); }");
    change(
        "not a number",
        "0x7ff8000000000000L",
        "0x7ff8000000000001L",
        "static Object make() { double d = Double.longBitsToDouble(@); return udf(x -> Double.doubleToRawLongBits(d)); }");
    change(
        "the type of a number",
        "Integer.valueOf(1)",
        "Long.valueOf(1)",
        "static Object make() { Object o = @; return udf(x -> o instanceof Integer); }");
    change(
        "the type of a character",
        "'1'",
        "\"1\"",
        "static Object make() { Object o = @; return udf(x -> o instanceof String); }");
    change(
        "an array's type",
        "new Integer[] {1}",
        "new Object[] {1}",
        "static Object make() { Object o = @; return udf(x -> o instanceof Integer[]); }");
    change(
        "a list's type",
        "new ArrayList<>(List.of(1))",
        "new LinkedList<>(List.of(1))",
        "static Object make() { List<Integer> o = @; return udf(x -> o instanceof RandomAccess); }");
    change(
        "a list that can grow",
        "new ArrayList<>(List.of(1))",
        "Arrays.asList(1)",
        "static Object make() { List<Integer> o = @; return udf(x -> { try { o.add(1); o.remove(o.size() - 1); return 1; } catch (RuntimeException e) { return 2; } }); }");
    change(
        "where two lists are cut",
        "\"ab\", \"c\"",
        "\"a\", \"bc\"",
        "static Object make() { List<String> l = List.of(@); return udf(x -> l.get(0)); }");
    change(
        "a nested list",
        "List.of(List.of(1), List.of(2))",
        "List.of(List.of(1, 2), List.of())",
        "static Object make() { List<List<Integer>> l = @; return udf(x -> l.get(0).size()); }");
    change(
        "null and none",
        "Arrays.asList((Object) null)",
        "Arrays.asList()",
        "static Object make() { List<Object> l = @; return udf(x -> l.size()); }");
    change(
        "null in a map",
        "null",
        "0",
        "static Object make() { Map<String, Integer> m = new HashMap<>(); m.put(\"a\", @); return udf(x -> m.get(\"a\") == null); }");
    change(
        "a map's view",
        "m.headMap(2)",
        "m.headMap(3)",
        "static Object make() { TreeMap<Integer, Integer> m = new TreeMap<>(Map.of(1, 1, 2, 2)); SortedMap<Integer, Integer> v = @; return udf(x -> v.size()); }");
    change(
        "a sub-list",
        "l.subList(0, 1)",
        "l.subList(1, 2)",
        "static Object make() { List<Integer> l = new ArrayList<>(List.of(1, 2)); List<Integer> v = @; return udf(x -> v.get(0)); }");
    change(
        "a reversed order",
        "null",
        "Collections.reverseOrder()",
        "static Object make() { PriorityQueue<Integer> q = new PriorityQueue<>(2, @); q.add(1); q.add(2); return udf(x -> q.peek()); }");
    change(
        "a queue's bound",
        "1",
        "2",
        "static Object make() { var q = new ArrayDeque<Integer>(); q.add(@); return udf(x -> q.peek()); }");
    change(
        "a zone",
        "Europe/Paris",
        "Asia/Tokyo",
        "static Object make() { var z = java.time.ZoneId.of(\"@\"); return udf(x -> z.getRules().getOffset(java.time.Instant.EPOCH).toString()); }");
    change(
        "a time zone's offset",
        "1000",
        "2000",
        "static Object make() { var z = new SimpleTimeZone(@, \"a\"); return udf(x -> z.getOffset(0)); }");
    change(
        "a period",
        "ofDays(1)",
        "ofDays(2)",
        "static Object make() { var z = java.time.Period.@; return udf(x -> z.getDays()); }");
    change(
        "a unit of a duration",
        "ofSeconds(1)",
        "ofNanos(1)",
        "static Object make() { var z = java.time.Duration.@; return udf(x -> z.toString()); }");
    change(
        "a rounding",
        "UP",
        "DOWN",
        "static Object make() { var c = new java.math.MathContext(1, java.math.RoundingMode.@); return udf(x -> new java.math.BigDecimal(\"1.6\").round(c).toString()); }");
    change(
        "a number's sign",
        "-1",
        "1",
        "static Object make() { var b = java.math.BigInteger.valueOf(@); return udf(x -> b.signum()); }");
    change(
        "a query of a uri",
        "q=1",
        "q=2",
        "static Object make() { var u = java.net.URI.create(\"http://h/p?@\"); return udf(x -> u.getQuery()); }");
    change(
        "a joiner's suffix",
        "\"]\"",
        "\")\"",
        "static Object make() { return udf(x -> { var j = new StringJoiner(\",\", \"[\", @); j.add(\"a\"); return j.toString(); }); }");
    change(
        "an optional",
        "Optional.of(1)",
        "Optional.empty()",
        "static Object make() { Optional<Integer> o = @; List<Object> l = new ArrayList<>(); l.add(o.isPresent()); return udf(x -> l.get(0)); }");
    change(
        "a two-dimensional array",
        "{{1, 2}, {}}",
        "{{1}, {2}}",
        "static Object make() { int[][] a = @; return udf(x -> a[1].length); }");
    change(
        "a shared row of an array",
        "a[0]",
        "a[0].clone()",
        "static Object make() { int[][] a = new int[2][1]; a[1] = @; return udf(x -> a[0] == a[1]); }");
    change(
        "a lambda's capture",
        "1",
        "2",
        "static Function<Integer, Integer> add(int n) { return (Function<Integer, Integer> & java.io.Serializable) y -> y + n; } static Object make() { var f = add(@); return udf(x -> f.apply(x)); }");
    change(
        "a bound receiver",
        "\"ab\"",
        "\"abc\"",
        "static Object make() { Supplier<Integer> f = (Supplier<Integer> & java.io.Serializable) @::length; return udf(x -> f.get()); }");
    change(
        "a timestamp in a list",
        "1",
        "2",
        "static Object make() { var l = new ArrayList<Date>(); l.add(new Date(@)); return udf(x -> l.get(0).getTime()); }");
    change(
        "an enum in a set",
        "A",
        "B",
        "enum E { A, B } static Object make() { EnumSet<E> s = EnumSet.of(E.@); return udf(x -> s.contains(E.A)); }");
    change(
        "an enum map's key type",
        "E",
        "F",
        "enum E { A } enum F { A } static Object make() { Map<?, ?> m = new EnumMap<>(Map.of(@.A, 1)); return udf(x -> m.keySet().iterator().next() instanceof E); }");
  }

  private static void texts() {
    change(
        "a field's name in a message",
        "first",
        "other",
        "static class C { String @; } static Object make() { return udf(x -> { C c = new C(); try { return c.@.length(); } catch (NullPointerException e) { return e.getMessage(); } }); }");
    change(
        "an array's name in a message",
        "first",
        "other",
        "static Object make() { return udf(x -> { int[] @ = x > 9 ? new int[1] : null; try { return @[0]; } catch (NullPointerException e) { return e.getMessage(); } }); }");
    change(
        "a helper's parameter in a logged and returned message",
        "first",
        "other",
        "static String g(Integer @) { try { return \"\" + (@ + 1); } catch (NullPointerException e) { return e.getLocalizedMessage(); } } static Object make() { return udf(x -> g(x > 9 ? x : null)); }");
    change(
        "a message in a suppressed exception",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { Exception f = new Exception(\"x\"); f.addSuppressed(e); return f.getSuppressed()[0].getMessage(); } }); }");
    change(
        "a message through Objects.toString",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return Objects.toString(e); } }); }");
    change(
        "a message through a format",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return String.format(\"%s\", e); } }); }");
    change(
        "a message through a list",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return List.of(e).toString(); } }); }");
    change(
        "a message through an Object",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; Object o; try { o = @.length(); } catch (Exception e) { o = e; } return o.toString(); }); }");
    change(
        "a message through a builder",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return new StringBuilder().append(e).toString(); } }); }");
    change(
        "a message through a printer",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; java.io.StringWriter w = new java.io.StringWriter(); try { return @.length(); } catch (Exception e) { new java.io.PrintWriter(w).print(e); return w.toString(); } }); }");
    change(
        "a message through an optional",
        "first",
        "other",
        "static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return Optional.of(e).map(Throwable::getMessage).get(); } }); }");
    change(
        "a message through a consumer",
        "first",
        "other",
        "static String shown(Throwable t) { return \"\" + t; } static Object make() { return udf(x -> { String @ = x > 9 ? \"\" : null; try { return @.length(); } catch (Exception e) { return shown(e); } }); }");
    change(
        "a class cast's message",
        "Integer",
        "Long",
        "static Object make() { return udf(x -> { Object o = \"a\"; try { return (@) o; } catch (ClassCastException e) { return e.getMessage(); } }); }");
    change(
        "a local class's name",
        "",
        "class P { } new P();",
        "static void other() { @ } static String name() { class P { } return new P().getClass().getName(); } static Object make() { return udf(x -> name()); }");
  }

  private static void state() {
    number(
        "a static of a nested class",
        "static class H { static class I { static final int[] A = {@}; } } static Object make() { return udf(x -> H.I.A[0]); }");
    number(
        "a static of an interface",
        "interface K { Map<String, Integer> M = new HashMap<>(Map.of(\"a\", @)); } static Object make() { return udf(x -> K.M.get(\"a\")); }");
    number(
        "a static that another static is made of",
        "static final List<Integer> A = new ArrayList<>(List.of(@)); static final List<List<Integer>> B = new ArrayList<>(List.of(A)); static Object make() { return udf(x -> B.get(0).get(0)); }");
    number(
        "a holder's lazy singleton",
        "static class S { final int v = @; private static class H { static final S INSTANCE = new S(); } static S get() { return H.INSTANCE; } } static Object make() { return udf(x -> S.get().v); }");
    number(
        "what the driver left in a static list",
        "static final List<Integer> L = new ArrayList<>(); static Object make() { L.add(Integer.parseInt(\"@\")); return udf(x -> L.get(0)); }");
    number(
        "what the driver left in a static array",
        "static final int[] A = new int[1]; static Object make() { A[0] = Integer.parseInt(\"@\"); return udf(x -> A[0]); }");
    number(
        "a setter of a captured bean",
        "static class C implements java.io.Serializable { private int v; void setV(int v) { this.v = v; } int getV() { return v; } } static Object make() { C c = new C(); c.setV(Integer.parseInt(\"@\")); return udf(x -> c.getV()); }");
    number(
        "a bean that a library writes",
        "public static class C implements java.io.Serializable { private int v; public void setV(int v) { this.v = v; } public int getV() { return v; } } static Object make() { C c = new C(); c.setV(Integer.parseInt(\"@\")); return udf(x -> MAPPER.writeValueAsString(c)); }");
    number(
        "a captured map of beans",
        "static class C implements java.io.Serializable { int v; C(int v) { this.v = v; } } static Object make() { Map<String, C> m = new HashMap<>(); m.put(\"a\", new C(Integer.parseInt(\"@\"))); return udf(x -> m.get(\"a\").v); }");
    number(
        "a superclass's field",
        "static class A implements java.io.Serializable { int v; } static class C extends A { } static Object make() { C c = new C(); c.v = Integer.parseInt(\"@\"); return udf(x -> c.v); }");
    number(
        "an outer object's field",
        "static class O implements java.io.Serializable { int v; UDF1<Integer, Object> f() { return x -> v; } } static Object make() { O o = new O(); o.v = Integer.parseInt(\"@\"); return o.f(); }");
    number(
        "a view of a library's static map",
        "static final com.google.common.collect.Multimap<Integer, Integer> M = com.google.common.collect.HashMultimap.create(); static Object make() { M.get(1).add(@); return udf(x -> M.get(1).toString()); }");
    number(
        "another view of a library's static map",
        "static final com.google.common.collect.ArrayListMultimap<Integer, Integer> M = com.google.common.collect.ArrayListMultimap.create(); static Object make() { M.put(1, 5); M.asMap().get(1).add(@); return udf(x -> M.asMap().toString()); }");
    number(
        "a static counter of a library's",
        "static final org.apache.commons.lang3.mutable.MutableInt N = new org.apache.commons.lang3.mutable.MutableInt(); static Object make() { N.getAndAdd(@); return udf(x -> N.getValue()); }");
    number(
        "what a library's setter left",
        "static Object make() { org.apache.commons.lang3.builder.ToStringBuilder.setDefaultStyle(@ == 1 ? org.apache.commons.lang3.builder.ToStringStyle.JSON_STYLE : org.apache.commons.lang3.builder.ToStringStyle.NO_FIELD_NAMES_STYLE); return udf(x -> new org.apache.commons.lang3.builder.ToStringBuilder(\"a\").append(\"f\", x).toString().replaceAll(\".*\\\\[\", \"\")); }");
    number(
        "a constant of another class",
        "static class H { static final int N = @; } static Object make() { return udf(x -> H.N); }");
    number(
        "the length of an array",
        "static Object make() { return udf(x -> { int[] a = new int[@ + 1]; return a.length; }); }");
  }

  private static void language() {
    number(
        "a record's accessor",
        "record R(int v) { public int v() { return v + @; } } static Object make() { return udf(x -> new R(x).v()); }");
    number(
        "a record's equality",
        "record R(int v, int w) { public boolean equals(Object o) { return o instanceof R r && r.v == v && @ == 1; } public int hashCode() { return 1; } } static Object make() { return udf(x -> new R(x, 1).equals(new R(x, 2))); }");
    change(
        "a record's components",
        "int a, int b",
        "int b, int a",
        "record R(@) { } static Object make() { return udf(x -> new R(1, 2).toString()); }");
    change(
        "the order of an enum",
        "A, B",
        "B, A",
        "enum E { @ } static Object make() { return udf(x -> E.values()[x % 2].name()); }");
    number(
        "an enum switch",
        "enum E { A, B } static Object make() { return udf(x -> switch (E.values()[x % 2]) { case A -> @; case B -> 7; }); }");
    change(
        "a switch on strings",
        "one",
        "two",
        "static Object make() { return udf(x -> switch (x == 1 ? \"one\" : \"two\") { case \"@\" -> 1; default -> 2; }); }");
    number(
        "a sealed interface's member",
        "sealed interface S permits P, Q { int f(); } record P(int v) implements S { public int f() { return v + @; } } record Q() implements S { public int f() { return 7; } } static Object make() { return udf(x -> { S s = x > 0 ? new P(x) : new Q(); return s.f(); }); }");
    number(
        "a bridge's target",
        "static abstract class A<T> { abstract int f(T t); } static class C extends A<Integer> { int f(Integer t) { return t + @; } } static Object make() { return udf(x -> { A<Integer> a = new C(); return a.f(x); }); }");
    number(
        "an abstract class's template",
        "static abstract class A { int f(int x) { return g(x) + 1; } abstract int g(int x); } static Object make() { return udf(x -> new A() { int g(int y) { return y * @; } }.f(x)); }");
    number(
        "an inner class's method",
        "class I { int f(int x) { return x + @; } } static Object make() { return udf(x -> new App().new I().f(x)); }");
    number(
        "a constructor reference",
        "static class C { final int v; C(int v) { this.v = v + @; } } static Object make() { return udf(x -> { Function<Integer, C> f = C::new; return f.apply(x).v; }); }");
    number(
        "an iterator of the user's",
        "static class It implements Iterable<Integer> { public Iterator<Integer> iterator() { return List.of(@).iterator(); } } static Object make() { return udf(x -> { int s = 0; for (int i : new It()) s += i; return s; }); }");
    number(
        "what a resource does at its end",
        "static class R implements AutoCloseable { int[] a; R(int[] a) { this.a = a; } public void close() { a[0] += @; } } static Object make() { return udf(x -> { int[] a = {x}; try (R r = new R(a)) { a[0]++; } return a[0]; }); }");
    number(
        "a finally",
        "static Object make() { return udf(x -> { int[] a = {x}; try { a[0]++; } finally { a[0] += @; } return a[0]; }); }");
    number(
        "an exception of the user's",
        "static class E extends RuntimeException { public String getMessage() { return \"e@\"; } } static Object make() { return udf(x -> { try { throw new E(); } catch (E e) { return e.getMessage(); } }); }");
    number(
        "a default of a generic interface",
        "interface G<T> { T f(T t); default G<T> twice() { return t -> f(f(t)); } } static Object make() { return udf(x -> { G<Integer> g = y -> y + @; return g.twice().f(x); }); }");
    number(
        "a static method of an interface",
        "interface I { static int f(int x) { return x + @; } } static Object make() { return udf(x -> I.f(x)); }");
    number(
        "a private method of an interface",
        "interface I { private int g(int x) { return x + @; } default int f(int x) { return g(x); } } static Object make() { return udf(x -> new I() { }.f(x)); }");
    number(
        "a stream's collector",
        "static Object make() { return udf(x -> java.util.stream.Stream.of(1, 2, x).collect(java.util.stream.Collectors.reducing(@, (a, b) -> a * 3 + b))); }");
    number(
        "a varargs helper",
        "static int sum(int... v) { int s = @; for (int i : v) s += i; return s; } static Object make() { return udf(x -> sum(x, 1)); }");
    number("a text block", "static Object make() { return udf(x -> \"\"\"\n  a@\n  \"\"\" + x); }");
    number(
        "a recursion's base",
        "static int f(int n) { return n == 0 ? @ : n * f(n - 1); } static Object make() { return udf(x -> f(x)); }");
    number(
        "a pattern of instanceof",
        "static Object make() { return udf(x -> { Object o = x; return o instanceof Integer i && i > @ ? 1 : 0; }); }");
  }

  @Test
  void everyChangeOfRowsIsAChangeOfIdentity(@TempDir Path dir) throws Exception {
    int refused = ProgramChange.requireOtherIdentities(CHANGES, dir);
    assertThat(CHANGES).hasSizeGreaterThanOrEqualTo(110);
    assertThat(refused).isLessThan(CHANGES.size() / 8);
  }
}
