// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.fingerprint.ClassPathMember.Arrange;
import io.sparkdiskcache.fingerprint.ClassPathMember.Parts;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.sql.api.java.UDF1;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Programs over several jars whose rows change without their own code: by what a library reads, by
 * the state of another jar, by the order of the class path. Each has another identity then, or
 * none. That the rows differ is tried.
 */
class ClassPathChangesTest {
  private static final String NONE = "refused: ";

  private record Seen(List<String> rows, String identity) {}

  private static ClassPathMember app(String name, String function) {
    return ClassPathMember.of(
        name, "static Object make() { return udf(x -> " + function + "); }", Map.of());
  }

  // ---- resources and files that a library reads

  private static List<ClassPathMember> read() {
    List<ClassPathMember> members = new ArrayList<>();
    String stream = "App.class.getResourceAsStream(\"/P/user/t.txt\")";
    for (String[] reader :
        new String[][] {
          {
            "a resource, by commons-io",
            "org.apache.commons.io.IOUtils.resourceToString(\"P/user/t.txt\", StandardCharsets.UTF_8, App.class.getClassLoader())"
          },
          {
            "a stream of a resource, by commons-io",
            "org.apache.commons.io.IOUtils.toString(" + stream + ", StandardCharsets.UTF_8)"
          },
          {"a resource, by the JDK", "new String(" + stream + ".readAllBytes())"},
          {
            "a resource of the loader",
            "new String(App.class.getClassLoader().getResourceAsStream(\"P/user/t.txt\").readAllBytes())"
          },
          {"a resource as JSON", "MAPPER.readTree(" + stream + ").asInt()"},
          {"a resource's URL as JSON", "MAPPER.readTree(App.class.getResource(\"t.txt\")).asInt()"},
          {
            "a resource, by guava",
            "com.google.common.io.Resources.toString(com.google.common.io.Resources.getResource(App.class, \"t.txt\"), StandardCharsets.UTF_8)"
          },
          {"a resource's words", "new Scanner(" + stream + ").next()"},
          {
            "a resource's lines",
            "new BufferedReader(new InputStreamReader(" + stream + ")).readLine()"
          },
        }) {
      members.add(app(reader[0], reader[1]).with("app", "P/user/t.txt", "@"));
      members.add(
          app(reader[0] + ", in a directory", reader[1])
              .with("app", "P/user/t.txt", "@")
              .arranged((one, two, first) -> List.of((first ? one : two).directory("app"))));
    }
    members.add(
        ClassPathMember.of(
                "properties of another jar",
                "static Object make() { return udf(x -> P.lib.Lib.get()); }",
                Map.of(
                    "lib",
                    "package P.lib; public class Lib { public static String get() throws java.io.IOException { java.util.Properties p = new java.util.Properties(); p.load(Lib.class.getResourceAsStream(\"p.properties\")); return p.getProperty(\"k\"); } }"))
            .with("lib", "P/lib/p.properties", "k=@"));
    members.add(
        ClassPathMember.of(
                "a table in a library's jar",
                "static Object make() { return udf(x -> K.Known.get()); }",
                Map.of(
                    "known",
                    "package KPACKAGE; public class Known { public static int get() throws java.io.IOException { return Known.class.getResourceAsStream(\"t.txt\").read(); } }"))
            .with("known", "com/google/common/p#/t.txt", "@"));
    String file = "new File(\"FILE\")";
    for (String[] reader :
        new String[][] {
          {
            "a file, by commons-io",
            "org.apache.commons.io.FileUtils.readFileToString(" + file + ", StandardCharsets.UTF_8)"
          },
          {
            "a file, by guava",
            "com.google.common.io.Files.asCharSource(" + file + ", StandardCharsets.UTF_8).read()"
          },
          {"a file, by Jackson", "MAPPER.readTree(" + file + ").asInt()"},
          {"a file's URL, by Jackson", "MAPPER.readTree(new java.net.URL(\"file:FILE\")).asInt()"},
          {
            "a file's URL, by the JDK",
            "new String(new java.net.URL(\"file:FILE\").openStream().readAllBytes())"
          },
          {
            "a file's URI, by guava",
            "com.google.common.io.Resources.toString(java.net.URI.create(\"file:FILE\").toURL(), StandardCharsets.UTF_8)"
          },
          {"a file's stream as JSON", "MAPPER.readTree(new FileInputStream(\"FILE\")).asInt()"},
          {
            "a file's lines, by commons-io",
            "org.apache.commons.io.FileUtils.readLines(" + file + ", StandardCharsets.UTF_8).get(0)"
          },
          {
            "a file's iterator, by commons-io",
            "org.apache.commons.io.FileUtils.lineIterator(" + file + ").next()"
          },
          {
            "a file as XML",
            "javax.xml.parsers.DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new org.xml.sax.InputSource(new StringReader(\"<!DOCTYPE a [<!ENTITY e SYSTEM \\\"file:FILE\\\">]><a>&e;</a>\"))).getDocumentElement().getTextContent()"
          },
        }) {
      members.add(app(reader[0], reader[1]));
    }
    return members;
  }

  // ---- state of another jar of the user's

  private static ClassPathMember state(String name, String lib, String set, String get) {
    return ClassPathMember.of(
        name,
        "static Object make() { " + set + " return udf(x -> " + get + "); }",
        Map.of(
            "lib",
            "package P.lib; import java.util.*; import java.util.concurrent.atomic.*; public "
                + lib));
  }

  private static List<ClassPathMember> state() {
    String get = "P.lib.Lib.get()";
    List<ClassPathMember> members = new ArrayList<>();
    members.add(
        state(
            "a number",
            "class Lib { private static int r = 1; public static void set(int x) { r = x; } public static int get() { return r; } }",
            "P.lib.Lib.set(@);",
            get));
    members.add(
        state(
            "a public number",
            "class Lib { public static int r = 1; }",
            "P.lib.Lib.r = @;",
            "P.lib.Lib.r"));
    members.add(
        state(
            "a map",
            "class Lib { static final Map<String, Integer> M = new HashMap<>(); public static void set(int x) { M.put(\"a\", x); } public static Object get() { return M.get(\"a\"); } }",
            "P.lib.Lib.set(@);",
            get));
    members.add(
        state(
            "an array",
            "class Lib { public static final int[] A = {1}; public static int get() { return A[0]; } }",
            "P.lib.Lib.A[0] = @;",
            get));
    members.add(
        state(
            "a list behind a getter",
            "class Lib { private static final List<Integer> L = new ArrayList<>(); public static List<Integer> all() { return L; } public static Object get() { return L.toString(); } }",
            "P.lib.Lib.all().add(@);",
            get));
    members.add(
        state(
            "a thread's own",
            "class Lib { static final ThreadLocal<Integer> T = new ThreadLocal<>(); public static void set(int x) { T.set(x); } public static Object get() { return T.get(); } }",
            "P.lib.Lib.set(@);",
            get));
    members.add(
        state(
            "an atomic",
            "class Lib { public static final AtomicInteger N = new AtomicInteger(); public static Object get() { return N.get(); } }",
            "P.lib.Lib.N.set(@);",
            get));
    members.add(
        state(
            "a singleton's field",
            "class Lib { private static final Lib I = new Lib(); private int v; public static void set(int x) { I.v = x; } public static int get() { return I.v; } }",
            "P.lib.Lib.set(@);",
            get));
    members.add(
        state(
            "an enum constant's field",
            "enum Lib { A; int v; public static void set(int x) { A.v = x; } public static int get() { return A.v; } }",
            "P.lib.Lib.set(@);",
            get));
    members.add(
        state(
            "a property",
            "class Lib { public static String get() { return System.getProperty(\"diskcache.test.state\"); } }",
            "System.setProperty(\"diskcache.test.state\", \"@\");",
            get));
    members.add(
        state(
            "a number of the properties",
            "class Lib { public static Object get() { return Integer.getInteger(\"diskcache.test.state\"); } }",
            "System.setProperty(\"diskcache.test.state\", \"@\");",
            get));
    members.add(
        state(
            "a property read when the class is loaded",
            "class Lib { static final String S = System.getProperty(\"diskcache.test.state\"); public static String get() { return S; } }",
            "System.setProperty(\"diskcache.test.state\", \"@\");",
            get));
    members.add(
        state(
            "a registered function",
            "class Lib { static final Map<String, java.util.function.Supplier<Integer>> M = new HashMap<>(); public static void set(java.util.function.Supplier<Integer> s) { M.put(\"a\", s); } public static Object get() { return M.get(\"a\").get(); } }",
            "P.lib.Lib.set(() -> @);",
            get));
    members.add(
        state(
            "an object that came along",
            "class Lib implements java.io.Serializable { private int v; public void set(int x) { v = x; } public int get() { return v; } }",
            "P.lib.Lib l = new P.lib.Lib(); l.set(@);",
            "l.get()"));
    members.add(
        state(
            "a superclass's number",
            "class Lib extends Base { public static int get() { return r; } } class Base { static int r; public static void set(int x) { r = x; } }",
            "P.lib.Lib.set(@);",
            get));
    members.add(
        state(
            "an interface's map",
            "interface Lib { Map<String, Integer> M = new TreeMap<>(); static Object get() { return M.toString(); } }",
            "P.lib.Lib.M.put(\"a\", @);",
            get));
    members.add(
        state(
            "a lazy singleton",
            "class Lib { private static volatile Integer v; static int start; public static void set(int x) { start = x; } public static int get() { if (v == null) { synchronized (Lib.class) { if (v == null) { v = start; } } } return v; } }",
            "P.lib.Lib.set(@);",
            get));
    members.add(
        state(
            "the default locale",
            "class Lib { public static String get() { return Locale.getDefault().toString(); } }",
            "Locale.setDefault(@ == 1 ? Locale.GERMANY : Locale.US);",
            get));
    members.add(
        state(
            "the default zone",
            "class Lib { public static String get() { return java.time.ZoneId.systemDefault().getId(); } }",
            "TimeZone.setDefault(TimeZone.getTimeZone(@ == 1 ? \"UTC\" : \"Asia/Tokyo\"));",
            get));
    return members;
  }

  // ---- the order of the class path

  private static final Arrange SWAPPED =
      (one, two, first) ->
          first
              ? List.of(one.jar("app"), one.jar("lib"), two.jar("lib"))
              : List.of(one.jar("app"), two.jar("lib"), one.jar("lib"));

  private static ClassPathMember order(String name, String lib, Arrange arrange) {
    return ClassPathMember.of(
            name,
            "static Object make() { return udf(x -> P.lib.Lib.get()); }",
            Map.of("lib", "package P.lib; " + lib))
        .arranged(arrange);
  }

  private static ClassPathMember ofLibrary(String name, Arrange arrange) {
    return ClassPathMember.of(
            name,
            "static Object make() { return udf(x -> K.Known.get()); }",
            Map.of(
                "known",
                "package KPACKAGE; public class Known { public static int get() { return @; } }"))
        .arranged(arrange);
  }

  private static List<ClassPathMember> order() {
    String plain = "public class Lib { public static int get() { return @; } }";
    List<ClassPathMember> members = new ArrayList<>();
    members.add(order("two jars of the user's", plain, SWAPPED));
    members.add(
        order(
            "a base class",
            "public class Lib extends Base { public static int get() { return new Lib().v(); } } class Base { int v() { return @; } }",
            SWAPPED));
    members.add(
        order(
            "a default method",
            "public class Lib implements I { public static int get() { return new Lib().v(); } } interface I { default int v() { return @; } }",
            SWAPPED));
    members.add(
        order(
            "the order of an enum",
            "public class Lib { public static String get() { return E.values()[0].name(); } } enum E { A@, B@ }",
            SWAPPED));
    members.add(
        order(
            "a constant that is computed",
            "public class Lib { static final int V = Integer.parseInt(\"@\"); public static int get() { return V; } }",
            SWAPPED));
    members.add(
        order(
            "a directory in front",
            plain,
            (one, two, first) ->
                first
                    ? List.of(one.jar("app"), one.jar("lib"))
                    : List.of(two.directory("lib"), one.jar("app"), one.jar("lib"))));
    members.add(
        order(
            "a directory that moves behind",
            plain,
            (one, two, first) ->
                first
                    ? List.of(one.jar("app"), one.directory("lib"), two.jar("lib"))
                    : List.of(one.jar("app"), two.jar("lib"), one.directory("lib"))));
    members.add(
        order(
            "two directories",
            plain,
            (one, two, first) ->
                first
                    ? List.of(one.jar("app"), one.directory("lib"), two.directory("lib"))
                    : List.of(one.jar("app"), two.directory("lib"), one.directory("lib"))));
    members.add(
        order(
            "classes for this release of Java",
            plain,
            (one, two, first) ->
                first
                    ? List.of(
                        one.jar("app"),
                        one.versioned("lib", "META-INF/versions/11/"),
                        two.jar("lib"))
                    : List.of(
                        one.jar("app"),
                        two.jar("lib"),
                        one.versioned("lib", "META-INF/versions/11/"))));
    members.add(
        ofLibrary(
            "two jars of a library",
            (one, two, first) ->
                first
                    ? List.of(one.jar("app"), one.jar("known"), two.jar("known"))
                    : List.of(one.jar("app"), two.jar("known"), one.jar("known"))));
    members.add(
        ofLibrary(
            "a library's classes for this release of Java",
            (one, two, first) ->
                first
                    ? List.of(
                        one.jar("app"),
                        one.versioned("known", "META-INF/versions/11/"),
                        two.jar("known"))
                    : List.of(
                        one.jar("app"),
                        two.jar("known"),
                        one.versioned("known", "META-INF/versions/11/"))));
    members.add(
        ofLibrary(
            "a directory in front of a library",
            (one, two, first) ->
                first
                    ? List.of(one.jar("app"), one.jar("known"))
                    : List.of(two.directory("known"), one.jar("app"), one.jar("known"))));
    members.add(
        ofLibrary(
            "jars that a manifest names",
            (one, two, first) -> {
              String a = one.jar("known").toUri().toString();
              String b = two.jar("known").toUri().toString();
              return List.of(one.naming("app", first ? a + " " + b : b + " " + a));
            }));
    String resource =
        "static Object make() { return udf(x -> new String(App.class.getResourceAsStream(\"/t.txt\").readAllBytes())); }";
    String empty = "package P.lib; public class Lib { }";
    for (boolean directories : new boolean[] {false, true}) {
      members.add(
          ClassPathMember.of(
                  directories ? "a resource in two directories" : "a resource in two jars",
                  resource,
                  Map.of("lib", empty))
              .with("lib", "t.txt", "@")
              .arranged(
                  directories
                      ? (one, two, first) ->
                          first
                              ? List.of(one.jar("app"), one.directory("lib"), two.directory("lib"))
                              : List.of(one.jar("app"), two.directory("lib"), one.directory("lib"))
                      : SWAPPED));
    }
    members.add(
        ClassPathMember.of(
                "a resource in a jar and a library's",
                resource,
                Map.of("lib", empty, "known", "package KPACKAGE; public class Known { }"))
            .with("lib", "t.txt", "1")
            .with("known", "t.txt", "2")
            .arranged(
                (one, two, first) ->
                    first
                        ? List.of(one.jar("app"), one.jar("lib"), one.jar("known"))
                        : List.of(one.jar("app"), one.jar("known"), one.jar("lib"))));
    members.add(
        ClassPathMember.of("a resource in front of a jar", resource, Map.of("lib", empty))
            .with("lib", "t.txt", "@")
            .arranged(
                (one, two, first) ->
                    first
                        ? List.of(one.jar("app"), one.jar("lib"))
                        : List.of(two.directory("lib"), one.jar("app"), one.jar("lib"))));
    return members;
  }

  // ----

  private static final List<ClassPathMember> READ = read();
  private static final List<ClassPathMember> STATE = state();
  private static final List<ClassPathMember> ORDER = order();

  @TempDir private static Path dir;

  private static String classPath = "";
  private static Path file = Path.of("");
  private static List<Parts> one = List.of();
  private static List<Parts> two = List.of();

  /** Directories are walked for each identity; those of this project change nothing here. */
  @BeforeAll
  static void compile() throws IOException {
    classPath = System.getProperty("java.class.path");
    System.setProperty(
        "java.class.path",
        JarIdentity.classPath(null).stream()
            .filter(place -> Files.isRegularFile(Path.of(place)))
            .collect(Collectors.joining(File.pathSeparator)));
    file = dir.resolve("file.txt");
    List<ClassPathMember> all = new ArrayList<>(READ);
    all.addAll(STATE);
    all.addAll(ORDER);
    one = parts(all, 1);
    two = parts(all, 2);
  }

  @AfterAll
  static void restore() {
    System.setProperty("java.class.path", classPath);
  }

  @Test
  void whatLibrariesRead() throws Exception {
    requireOtherIdentities(READ, 0);
  }

  @Test
  void stateOfOtherJars() throws Exception {
    var locale = java.util.Locale.getDefault();
    var zone = java.util.TimeZone.getDefault();
    try {
      requireOtherIdentities(STATE, READ.size());
    } finally {
      java.util.Locale.setDefault(locale);
      java.util.TimeZone.setDefault(zone);
      System.clearProperty("diskcache.test.state");
    }
  }

  @Test
  void theOrderOfTheClassPath() throws Exception {
    requireOtherIdentities(ORDER, READ.size() + STATE.size());
  }

  /**
   * @param from the number of the first member among all
   */
  private static void requireOtherIdentities(List<ClassPathMember> members, int from)
      throws Exception {
    assertThat(members).hasSizeGreaterThanOrEqualTo(15);
    List<String> wrong = new ArrayList<>();
    List<String> same = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      List<List<Seen>> sides = new ArrayList<>();
      for (boolean first : new boolean[] {true, false}) {
        ClassPathMember.write(file, first ? 1 : 2);
        List<Seen> side = new ArrayList<>();
        for (int i = 0; i < members.size(); i++) {
          int number = from + i;
          List<Path> places =
              members.get(i).arrange().places(one.get(number), two.get(number), first);
          side.add(see(snippets.load(places.toArray(Path[]::new)), "p" + number + ".user.App"));
        }
        sides.add(side);
      }
      for (int i = 0; i < members.size(); i++) {
        String name = members.get(i).name();
        Seen a = sides.get(0).get(i);
        Seen b = sides.get(1).get(i);
        if (a.rows.equals(b.rows)) {
          same.add(name + ": " + a.rows);
        }
        if (a.identity.startsWith(NONE) || b.identity.startsWith(NONE)) {
          refused.add(name + ": " + (a.identity.startsWith(NONE) ? a : b).identity);
        } else if (a.identity.equals(b.identity)) {
          wrong.add(name);
        }
      }
    }
    System.out.printf(
        "%d members, %d of them refused:%n  %s%n",
        members.size(), refused.size(), String.join("\n  ", refused));
    assertThat(wrong).as("other rows under the same identity").isEmpty();
    assertThat(same).as("changes that no row shows").isEmpty();
  }

  private static List<Parts> parts(List<ClassPathMember> members, int version) throws IOException {
    Map<String, String> sources = new LinkedHashMap<>();
    for (int i = 0; i < members.size(); i++) {
      sources.putAll(members.get(i).sources(i, version, file));
    }
    Path root = Files.createDirectories(dir.resolve("version" + version));
    Path compiled = new JavaSnippets(root).compile(sources, List.of(), "-g");
    List<Parts> parts = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      Path home = Files.createDirectories(compiled.resolveSibling("member" + i));
      parts.add(members.get(i).new Parts(compiled, home, i, version, file));
    }
    return parts;
  }

  @SuppressWarnings("unchecked") // what make() gives
  private static Seen see(ClassLoader loader, String type) throws Exception {
    ClassLoader outer = Thread.currentThread().getContextClassLoader();
    Thread.currentThread().setContextClassLoader(loader);
    try {
      UDF1<Integer, Object> function = (UDF1<Integer, Object>) JavaSnippets.make(loader, type);
      String identity;
      try {
        identity = CodeHashEditsTest.hex(new CodeHasher(loader).hash(function, ""));
      } catch (RefusedException e) {
        identity = NONE + e.refusal().sentence();
      }
      return new Seen(
          List.of(String.valueOf(function.call(0)), String.valueOf(function.call(1))), identity);
    } finally {
      Thread.currentThread().setContextClassLoader(outer);
    }
  }
}
