// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Functions whose result may depend on more than arguments and code, and some that look so. */
class CodeHashRefusalsTest {
  private static final String PREAMBLE =
      """
      package user;
      import java.util.*;
      import java.util.concurrent.atomic.*;
      import org.apache.spark.sql.api.java.*;
      public class %s {
        static UDF1<Integer, Object> udf(UDF1<Integer, Object> f) { return f; }
      """;

  /** An Aggregator with this reduction. */
  private static final String SUM =
      """
      static class Agg extends org.apache.spark.sql.expressions.Aggregator<Long, Long, Long> {
        public Long zero() { return 0L; }
        public Long reduce(Long b, Long x) { return %s; }
        public Long merge(Long a, Long b) { return a + b; }
        public Long finish(Long b) { return b; }
        public org.apache.spark.sql.Encoder<Long> bufferEncoder() { return org.apache.spark.sql.Encoders.LONG(); }
        public org.apache.spark.sql.Encoder<Long> outputEncoder() { return org.apache.spark.sql.Encoders.LONG(); }
      }
      static Object make() { return new Agg(); }
      """;

  /** A class body with a static make(); the code, or null if accepted; a word of the sentence. */
  private record Case(String name, Refusal.Code code, String says, String body) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Case refused(String name, String says, String body) {
    return new Case(name, Refusal.Code.FUNCTION, says, body);
  }

  private static Case refusedState(String name, String says, String body) {
    return new Case(name, Refusal.Code.FUNCTION_STATE, says, body);
  }

  private static Case accepted(String name, String body) {
    return new Case(name, null, "", body);
  }

  /** A function whose lambda is the expression. */
  private static String udf(String expression) {
    return "static Object make() { return udf(x -> " + expression + "); }";
  }

  static Stream<Case> cases() {
    return Stream.of(
        refused("Clock", "java.lang.System.nanoTime", udf("System.nanoTime()")),
        refused(
            "ClockTwoDown",
            "user.ClockTwoDown.b",
            udf("a()")
                + "static long a() { return b(); } static long b() { return System.currentTimeMillis(); }"),
        refused("Env", "java.lang.System.getenv", udf("System.getenv(\"HOME\")")),
        refused("Property", "java.lang.System.getProperty", udf("System.getProperty(\"x\")")),
        refused(
            "IntegerProperty", "java.lang.Integer.getInteger", udf("Integer.getInteger(\"x\")")),
        refused("Today", "java.time.LocalDate.now", udf("java.time.LocalDate.now().getYear()")),
        refused(
            "ClockReference",
            "java.time.Instant.now",
            "static Object make() { return udf(x -> { java.util.function.Supplier<Object> s = java.time.Instant::now; return s.get(); }); }"),
        refused("NewDate", "java.util.Date", udf("new Date().getTime()")),
        refused("Random0", "java.util.Random", udf("new Random().nextInt()")),
        refused("MathRandom", "java.lang.Math.random", udf("Math.random()")),
        refused("RandomUuid", "java.util.UUID.randomUUID", udf("UUID.randomUUID().toString()")),
        refused(
            "Shuffle",
            "java.util.Collections.shuffle",
            "static Object make() { return udf(x -> { List<Integer> l = new ArrayList<>(List.of(1, 2)); Collections.shuffle(l); return l.get(0); }); }"),
        refused(
            "OwnRandom",
            "java.util.Random",
            "static class R extends Random {} " + udf("new R().nextInt()")),
        refused(
            "ReadsFile",
            "working directory",
            "static Object make() { return udf(x -> java.nio.file.Files.size(java.nio.file.Path.of(\"x\"))); }"),
        refused(
            "FileWriter",
            "reads or writes files",
            "static Object make() { return udf(x -> { new java.io.FileWriter(\"x\").close(); return 1; }); }"),
        refused(
            "PrintToFile",
            "reads or writes files",
            "static Object make() { return udf(x -> { new java.io.PrintWriter(\"x\").close(); return 1; }); }"),
        refused(
            "Network",
            "uses the network",
            "static Object make() { return udf(x -> new java.net.URL(\"http://x\").openStream()); }"),
        refused("Threads", "depends on threads", udf("Thread.currentThread().getName()")),
        refused(
            "OwnThread",
            "depends on threads",
            "static class T extends Thread { public void run() { } } static Object make() { return udf(x -> { new T().start(); return 1; }); }"),
        refused("Parallel", "depends on threads", udf("List.of(1, 2).parallelStream().count()")),
        refused(
            "Processors", "java.lang.Runtime", udf("Runtime.getRuntime().availableProcessors()")),
        refused(
            "Reflection",
            "reflection",
            "static Object make() { return udf(x -> Class.forName(\"user.Y\").getName()); }"),
        refused(
            "Services",
            "reflection",
            udf("ServiceLoader.load(Runnable.class).findFirst().isPresent()")),
        refused(
            "MethodHandles",
            "reflection",
            udf("java.lang.invoke.MethodHandles.lookup().lookupClass().getName()")),
        refused(
            "ThreadLocals",
            "keeps state",
            "static final ThreadLocal<Integer> T = new ThreadLocal<>(); " + udf("T.get()")),
        refused(
            "IdentityHash", "java.lang.System.identityHashCode", udf("System.identityHashCode(x)")),
        refused(
            "IdentityHashCode", "hashCode()", "static class P { } " + udf("new P().hashCode()")),
        refused("IdentityToString", "toString()", "static class P { } " + udf("\"\" + new P()")),
        refused(
            "IdentityAppend",
            "toString()",
            "static class P { } " + udf("new StringBuilder().append(new P()).toString()")),
        refused(
            "ArrayToString",
            "toString()",
            "static Object make() { return udf(x -> { int[] a = {x}; return a.toString(); }); }"),
        refused("IdentityMaps", "identity", udf("new IdentityHashMap<Integer, Integer>().size()")),
        refused(
            "DefaultLocale", "java.util.Locale.getDefault", udf("Locale.getDefault().toString()")),
        refused(
            "DefaultZone",
            "java.time.ZoneId.systemDefault",
            udf("java.time.ZoneId.systemDefault().getId()")),
        refused(
            "SetsLocale",
            "java.util.Locale.setDefault",
            "static { Locale.setDefault(Locale.US); } static int f(int x) { return x; } "
                + udf("f(x)")),
        refused(
            "StackTrace",
            "line numbers",
            udf("new Exception().getStackTrace()[0].getLineNumber()")),
        refused("Native", "native", "static native int n(int x); " + udf("n(x)")),
        refused(
            "Context",
            "org.apache.spark.TaskContext",
            udf("org.apache.spark.TaskContext.getPartitionId()")),
        refused(
            "Session",
            "org.apache.spark.sql.SparkSession",
            udf("org.apache.spark.sql.SparkSession.active().version()")),
        refused(
            "SparkFile",
            "org.apache.spark.SparkFiles",
            udf("org.apache.spark.SparkFiles.get(\"x\")")),
        refused(
            "Atomics",
            "AtomicInteger",
            "static final AtomicInteger N = new AtomicInteger(); " + udf("N.incrementAndGet()")),
        refused("Mutable", "user.Mutable.n", "static int n = 1; " + udf("x + n")),
        refused(
            "PackageField",
            "user.PackageField.n",
            "private static int n = 1; static void set(int m) { n = m; } " + udf("x + n")),
        refused(
            "WritesStatic",
            "assigns static field",
            "static int n; static Object make() { return udf(x -> { n = x; return x; }); }"),
        accepted(
            "StaticMap",
            "static final Map<Integer, Integer> M = new HashMap<>(); " + udf("M.get(x)")),
        accepted("StaticArray", "static final int[] A = {1, 2}; " + udf("A[0]")),
        refused(
            "StaticHolder",
            "not final",
            "static class H { int n = 1; } static final H HOLDER = new H(); " + udf("HOLDER.n")),
        accepted(
            "StaticListOfArrays",
            "static final List<int[]> L = List.of(new int[] {1}); " + udf("L.get(0)[0]")),
        refused("MutableEnum", "not final", "enum E { A; int n = 1; } " + udf("E.A.n + x")),
        refused(
            "MutableEnumCaptured",
            "not final",
            "enum E { A; int n = 1; } static Object make() { E e = E.A; return udf(x -> e.n + x); }"),
        refused(
            "Singleton",
            "not final",
            "static class S { static final S INSTANCE = new S(); int n; } " + udf("S.INSTANCE.n")),
        accepted(
            "Counter",
            "static class C implements UDF1<Integer, Object> { int n; public Object call(Integer x) { return n++; } } static Object make() { return new C(); }"),
        accepted(
            "CounterInHelper",
            "static class H implements java.io.Serializable { private int n; int next() { return n++; } } static Object make() { H h = new H(); return udf(x -> h.next()); }"),
        refused(
            "UnknownImplementation",
            "implements it",
            "interface I { int f(); } static int g(Object o) { return ((I) o).f(); } "
                + udf("g(x)")),
        refused(
            "StaticInitializer",
            "java.lang.System.getenv",
            "static final String S = System.getenv(\"X\"); " + udf("S")),
        refused(
            "InitializerOfHelper",
            "java.lang.System.nanoTime",
            "static class H { static long t = System.nanoTime(); static int f(int x) { return x; } } "
                + udf("H.f(x)")),
        refused(
            "CalledByLibrary",
            "java.lang.System.nanoTime",
            "static class C implements Comparator<Integer> { public int compare(Integer a, Integer b) { return (int) System.nanoTime(); } } static Object make() { return udf(x -> { List<Integer> l = new ArrayList<>(); l.sort(new C()); return l.size(); }); }"),
        refused(
            "InheritedImplementation",
            "java.lang.System.nanoTime",
            "static class A { public int compare(Integer a, Integer b) { return (int) System.nanoTime(); } } static class B extends A implements Comparator<Integer> { } static Object make() { return udf(x -> { List<Integer> l = new ArrayList<>(); l.sort(new B()); return l.size(); }); }"),
        refused(
            "EnumTable",
            "java.lang.System.nanoTime",
            "enum E { A(System.nanoTime()); final long t; E(long t) { this.t = t; } } "
                + udf("Enum.valueOf(E.class, \"A\").t")),
        accepted(
            "CapturesAtomic",
            "static Object make() { AtomicInteger n = new AtomicInteger(); return udf(x -> n); }"),
        accepted(
            "CapturesRandom",
            "static Object make() { Random r = new Random(1); return udf(x -> r); }"),
        refusedState(
            "CapturesThreadLocal",
            "ThreadLocal",
            "static Object make() { ThreadLocal<Integer> t = new ThreadLocal<>(); return udf(x -> t); }"),
        refusedState(
            "CapturesStream",
            "InputStream",
            "static Object make() { java.io.InputStream in = new java.io.ByteArrayInputStream(new byte[1]); return udf(x -> in); }"),
        accepted(
            "CapturesBuilder",
            "static Object make() { StringBuilder b = new StringBuilder(\"a\"); return udf(x -> b); }"),
        refusedState(
            "CapturesLock",
            "ReentrantLock",
            "static Object make() { var l = new java.util.concurrent.locks.ReentrantLock(); return udf(x -> l); }"),
        refusedState(
            "CapturesAccumulator",
            "accumulator",
            "static Object make() { var a = new org.apache.spark.util.LongAccumulator(); return udf(x -> a); }"),
        refusedState(
            "NotSerializableLambda",
            "not serializable",
            "static Object make() { Runnable r = () -> { }; return udf(x -> r); }"),
        refusedState(
            "OwnSerialization",
            "writeObject",
            "static class S implements java.io.Serializable { private void writeObject(java.io.ObjectOutputStream o) { } } static Object make() { S s = new S(); return udf(x -> s.toString()); }"),
        refusedState(
            "OwnReplacement",
            "writeReplace",
            "static class S implements java.io.Serializable { final int n = 1; Object writeReplace() { return this; } } static Object make() { S s = new S(); return udf(x -> s.n); }"),
        refusedState(
            "ExtendsList",
            "inherits state",
            "static class L extends ArrayList<Integer> { } static Object make() { L l = new L(); return udf(x -> l.size()); }"),
        refusedState(
            "SetOfItself",
            "nested too deeply",
            "static Object make() { Set<Object> s = new HashSet<>(); s.add(List.of(1)); List<Object> l = new ArrayList<>(); s.add(l); l.add(s); return udf(x -> s.size()); }"),
        accepted(
            "ConstructorChangesOther",
            "static class H implements java.io.Serializable { int n; } static class W { W(H h) { h.n++; } } static Object make() { H h = new H(); return udf(x -> { new W(h); return h.n; }); }"),
        refused(
            "TransientCounter",
            "row to row",
            "static class C implements UDF1<Integer, Object> { transient int n; public Object call(Integer x) { return n++; } } static Object make() { return new C(); }"),
        refused(
            "CounterOfSuperclass",
            "row to row",
            "static class B { int n; B() { } } static class C extends B implements UDF1<Integer, Object> { public Object call(Integer x) { return n++; } } static Object make() { return new C(); }"),
        refused("EnumHash", "identity", "enum E { A } " + udf("E.A.hashCode()")),
        refused("BuilderHash", "hashCode()", udf("new StringBuilder().hashCode()")),
        refused("Resource", "reflection", udf("String.class.getResourceAsStream(\"x\" + x)")),
        refused(
            "StaticFormat",
            "no constant",
            "static final java.text.SimpleDateFormat F = new java.text.SimpleDateFormat(); "
                + udf("F.format(x)")),
        accepted(
            "StaticFormatter",
            "static final java.time.format.DateTimeFormatter F = java.time.format.DateTimeFormatter.ofPattern(\"yyyy\"); "
                + udf("F.format(java.time.LocalDate.EPOCH)")),
        accepted(
            "Registered",
            "static Object make() { UDF1<Integer, Object> f = x -> x + 1; return org.apache.spark.sql.internal.ToScalaUDF$.MODULE$.apply(f); }"),
        refused(
            "RegisteredClock",
            "user.RegisteredClock.lambda$make uses java.lang.System.nanoTime",
            "static Object make() { UDF1<Integer, Object> f = x -> System.nanoTime(); return org.apache.spark.sql.internal.ToScalaUDF$.MODULE$.apply(f); }"),
        accepted(
            "Mapped",
            "static Object make() { org.apache.spark.api.java.function.MapFunction<Integer, Integer> f = x -> x + 1; return org.apache.spark.sql.internal.ToScalaUDF$.MODULE$.apply(f); }"),
        accepted("Sum", SUM.formatted("b + x")),
        refused(
            "SumClock",
            "user.SumClock$Agg.reduce uses java.lang.System.nanoTime",
            SUM.formatted("b + System.nanoTime()")),
        accepted("Pure", udf("x + 1")),
        accepted("SeededRandom", udf("new Random(x).nextInt()")),
        accepted("Formats", udf("java.time.LocalDate.of(2020, 1, x).plusDays(1).toString()")),
        accepted(
            "Regex",
            "static final java.util.regex.Pattern P = java.util.regex.Pattern.compile(\"a+\"); "
                + udf("P.matcher(\"\" + x).matches()")),
        accepted(
            "Logs",
            "static final org.slf4j.Logger LOG = org.slf4j.LoggerFactory.getLogger(\"x\"); static Object make() { return udf(x -> { LOG.info(\"row {}\", x); return x; }); }"),
        accepted(
            "LocalCollections",
            "static Object make() { return udf(x -> { Map<Integer, Integer> m = new HashMap<>(); m.merge(x, 1, Integer::sum); int[] a = {1, 2}; return m.get(x) + a[0]; }); }"),
        accepted(
            "Digest",
            "static Object make() { return udf(x -> java.security.MessageDigest.getInstance(\"SHA-256\").digest(new byte[] {1})[0]); }"),
        accepted(
            "LocalObject",
            "static class Acc { int n; void add(int x) { n += x; } } static Object make() { return udf(x -> { Acc a = new Acc(); a.add(x); return a.n; }); }"),
        accepted(
            "UnreadMutable",
            "static final Map<Integer, Integer> M = new HashMap<>(); static int n; "
                + udf("x + 1")),
        accepted(
            "OwnToString",
            "static class P { public String toString() { return \"P\"; } } "
                + udf("\"\" + new P()")),
        accepted(
            "Streams",
            udf(
                "List.of(3, 1, 2).stream().map(y -> y + x).sorted().collect(java.util.stream.Collectors.toList())")),
        accepted(
            "RecursiveLambda",
            "static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); } "
                + udf("fib(x)")),
        accepted(
            "EffectivelyFinal",
            "private static final long SALT = 42; private static String name = \"n\"; "
                + udf("name + SALT")));
  }

  private static JavaSnippets snippets;
  private static ClassLoader loader;

  @BeforeAll
  static void compile(@TempDir Path dir) {
    Map<String, String> sources = new LinkedHashMap<>();
    cases()
        .forEach(
            c ->
                sources.put(
                    "user/" + c.name + ".java", PREAMBLE.formatted(c.name) + c.body + "\n}\n"));
    snippets = new JavaSnippets(dir);
    loader = snippets.load(snippets.compile(sources, List.of()));
  }

  @AfterAll
  static void close() throws Exception {
    snippets.close();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void judged(Case c) {
    Object function = JavaSnippets.make(loader, "user." + c.name);
    if (c.code == null) {
      assertThat(new CodeHasher(loader).hash(function, "Project/f").digest()).hasSize(32);
      return;
    }
    RefusedException refused =
        catchThrowableOfType(
            RefusedException.class, () -> new CodeHasher(loader).hash(function, "Project/f"));
    assertThat(refused).as("a refusal of %s", c.name).isNotNull();
    assertThat(refused.refusal().code()).as(refused.getMessage()).isEqualTo(c.code);
    assertThat(refused.refusal().sentence()).contains(c.says);
    assertThat(refused.refusal().place()).isEqualTo("Project/f");
  }

  @Test
  void everyRowOfTheTableDecidesSomething() {
    for (String prefix : ForbiddenCalls.prefixes()) {
      assertThat(prefix).matches("[a-z0-9]+/.*");
    }
  }
}
