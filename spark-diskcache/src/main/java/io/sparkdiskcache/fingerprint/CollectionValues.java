// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Hashtable;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Encodes the collections of the JDK and of Scala, with their elements in the order in which a task
 * iterates them: code can see it, of hash tables too, where it depends on the order of insertion.
 * Java serialization builds hash tables anew, so on the driver a copy is iterated that is built in
 * the same way. Where the order differs from one JVM to the next (the JDK's immutable sets and
 * maps, keys that hash by their identity) no program can rely on it, and elements are written as
 * their sorted digests. Views and lazy collections are not known here.
 */
final class CollectionValues {
  /** How the elements of a class are ordered, and whether its holder can change them. */
  private record Kind(boolean ordered, boolean mutable) {}

  private static final Kind LIST = new Kind(true, false);
  private static final Kind HASHED = new Kind(false, false);
  private static final Kind MUTABLE_LIST = new Kind(true, true);

  private static final Map<String, Kind> JAVA =
      Map.ofEntries(
          Map.entry("ImmutableCollections$List12", LIST),
          Map.entry("ImmutableCollections$ListN", LIST),
          Map.entry("ImmutableCollections$SubList", LIST),
          Map.entry("ImmutableCollections$Set12", HASHED),
          Map.entry("ImmutableCollections$SetN", HASHED),
          Map.entry("ImmutableCollections$Map1", HASHED),
          Map.entry("ImmutableCollections$MapN", HASHED),
          Map.entry("Collections$EmptyList", LIST),
          Map.entry("Collections$EmptySet", HASHED),
          Map.entry("Collections$EmptyMap", HASHED),
          Map.entry("Collections$SingletonList", LIST),
          Map.entry("Collections$SingletonSet", HASHED),
          Map.entry("Collections$SingletonMap", HASHED),
          Map.entry("ArrayList", MUTABLE_LIST),
          Map.entry("LinkedList", MUTABLE_LIST),
          Map.entry("Vector", MUTABLE_LIST),
          Map.entry("Stack", MUTABLE_LIST),
          Map.entry("ArrayDeque", MUTABLE_LIST),
          Map.entry("Arrays$ArrayList", MUTABLE_LIST),
          Map.entry("LinkedHashSet", MUTABLE_LIST),
          Map.entry("LinkedHashMap", MUTABLE_LIST),
          Map.entry("TreeSet", MUTABLE_LIST),
          Map.entry("TreeMap", MUTABLE_LIST),
          Map.entry("PriorityQueue", MUTABLE_LIST),
          Map.entry("EnumMap", MUTABLE_LIST),
          Map.entry("RegularEnumSet", MUTABLE_LIST),
          Map.entry("JumboEnumSet", MUTABLE_LIST),
          Map.entry("HashSet", MUTABLE_LIST),
          Map.entry("HashMap", MUTABLE_LIST),
          Map.entry("Hashtable", MUTABLE_LIST),
          Map.entry("Properties", MUTABLE_LIST),
          Map.entry("concurrent.ConcurrentHashMap", MUTABLE_LIST),
          Map.entry("concurrent.ConcurrentSkipListMap", MUTABLE_LIST),
          Map.entry("concurrent.ConcurrentSkipListSet", MUTABLE_LIST),
          Map.entry("concurrent.CopyOnWriteArraySet", MUTABLE_LIST),
          Map.entry("concurrent.CopyOnWriteArrayList", MUTABLE_LIST));

  /** A wrapper of {@code java.util.Collections} has its collection in one of these fields. */
  private static final List<String> WRAPPED = List.of("m", "c");

  private static final List<String> WRAPPERS =
      List.of("java.util.Collections$Unmodifiable", "java.util.Collections$Synchronized");

  /** Facts that no iteration shows, by class: fields. */
  private static final Map<String, String> MORE =
      Map.of(
          "LinkedHashMap", "accessOrder",
          "EnumMap", "keyType",
          "RegularEnumSet", "elementType",
          "JumboEnumSet", "elementType",
          "Properties", "defaults");

  /** Also under another name, as in Spark's own copy of Guava. */
  private static final Pattern GUAVA =
      Pattern.compile(".*\\.(?:common|guava)\\.collect\\.(?:[A-Z]\\w*\\$)*Immutable\\w*");

  /** Parts of names of Scala's collections that are lazy, or whose order is no part of them. */
  private static final List<String> NOT_STRICT =
      List.of("LazyList", "Stream", "PriorityQueue", "Multi", "Weak", "$anon");

  private CollectionValues() {}

  /** False if the value is not a collection that is known here. */
  static boolean encode(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Object value, String path) {
    String name = value.getClass().getName();
    if (WRAPPERS.stream().anyMatch(name::startsWith)) {
      into.tag('U').putString(name);
      for (String field : WRAPPED) {
        Object wrapped = JdkFields.find(value, field);
        if (wrapped != null) {
          values.encode(into, wrapped, path);
          return true;
        }
      }
      return false;
    }
    if (name.startsWith("java.util.")) {
      Kind kind = JAVA.get(name.substring("java.util.".length()));
      if (kind == null || !(value instanceof Iterable || value instanceof Map)) {
        return false;
      }
      java(values, into, value, kind, name, path);
      return true;
    }
    String guava = guava(value.getClass());
    if (guava != null && (value instanceof Iterable || value instanceof Map)) {
      into.tag('g').putString(guava);
      graph.classRef(into, guava.replace('.', '/'));
      elements(values, into, value, true, path);
      return true;
    }
    if (name.startsWith("scala.collection.")
        && graph.files.origin(name.replace('.', '/')) == ClassFiles.Origin.ENGINE) {
      return value instanceof scala.collection.Iterable<?> elements
          && scala(values, into, elements, name, path);
    }
    return false;
  }

  private static void java(
      CapturedValues values,
      CanonicalHasher into,
      Object value,
      Kind kind,
      String name,
      String path) {
    if (kind.mutable) {
      values.mutable(path);
    }
    into.tag('j').putString(name);
    String more = MORE.get(name.substring("java.util.".length()));
    if (more != null) {
      values.encode(into, JdkFields.find(value, more), path + "." + more);
    }
    if (name.startsWith("java.util.ImmutableCollections$") && value instanceof List<?> list) {
      into.putBoolean(takesNull(list));
    }
    elements(values, into, inTaskOrder(values, value), kind.ordered, path);
  }

  /** Of an immutable collection of Guava's: the class of its interface, under which it is known. */
  private static @Nullable String guava(Class<?> type) {
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      if (GUAVA.matcher(c.getName()).matches() && Modifier.isPublic(c.getModifiers())) {
        return c.getName();
      }
    }
    return null;
  }

  /** List.of and Stream.toList are of one class, and differ in this. */
  private static boolean takesNull(List<?> list) {
    try {
      return !list.contains(null) || list.indexOf(null) >= 0;
    } catch (NullPointerException e) {
      return false;
    }
  }

  /** The hash table that deserialization will build. */
  private static Object inTaskOrder(CapturedValues values, Object value) {
    if (values.iteratesAsInTask()) {
      return value;
    }
    if (value.getClass() == HashMap.class) {
      return new HashMap<>((HashMap<?, ?>) value);
    }
    if (value.getClass() == HashSet.class) {
      HashSet<?> set = (HashSet<?>) value;
      Set<Object> copy = new HashSet<>((int) (set.size() * (1 / 0.75f)));
      copy.addAll(set);
      return copy;
    }
    return value;
  }

  private static void elements(
      CapturedValues values, CanonicalHasher into, Object value, boolean ordered, String path) {
    @Nullable Object order = null;
    if (value instanceof SortedMap<?, ?> sorted) {
      order = sorted.comparator();
    } else if (value instanceof SortedSet<?> sorted) {
      order = sorted.comparator();
    } else if (value instanceof PriorityQueue<?> queue) {
      order = queue.comparator();
    }
    values.encode(into, order, path + ".comparator");
    List<List<@Nullable Object>> entries = new ArrayList<>();
    if (value instanceof Map<?, ?> map) {
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        values.spend(8, path);
        entries.add(Arrays.asList(entry.getKey(), entry.getValue()));
      }
    } else if (value instanceof Iterable<?> elements) {
      for (Object element : elements) {
        values.spend(8, path);
        entries.add(Arrays.asList(element));
      }
    }
    entries(values, into, entries, ordered && !hashesByIdentity(value, entries), path);
  }

  /** Whether a hash table has another order in each JVM. */
  private static boolean hashesByIdentity(Object table, List<? extends List<?>> entries) {
    boolean hashed =
        table instanceof HashMap<?, ?>
            || table instanceof HashSet<?>
            || table instanceof Hashtable<?, ?>
            || table instanceof ConcurrentHashMap<?, ?>
            || table.getClass().getName().contains("collection.immutable.HashMap")
            || table.getClass().getName().contains("collection.immutable.HashSet")
            || table.getClass().getName().contains("collection.mutable.HashMap")
            || table.getClass().getName().contains("collection.mutable.HashSet");
    return hashed
        && !(table instanceof LinkedHashMap<?, ?> || table instanceof LinkedHashSet<?>)
        && entries.stream()
            .map(entry -> entry.get(0))
            .anyMatch(key -> key instanceof Enum<?> || key instanceof Class<?>);
  }

  private static boolean scala(
      CapturedValues values,
      CanonicalHasher into,
      scala.collection.Iterable<?> elements,
      String name,
      String path) {
    if (name.endsWith("Map$WithDefault")) {
      into.tag('D').putString(name);
      values.encode(into, JdkFields.find(elements, "underlying"), path);
      Object otherwise = JdkFields.find(elements, "defaultValue");
      values.encode(
          into, otherwise == null ? JdkFields.find(elements, "d") : otherwise, path + ".default");
      return true;
    }
    if (elements instanceof scala.collection.immutable.NumericRange<?> range) {
      into.tag('N').putString(name);
      values.encode(into, range.start(), path + ".start");
      values.encode(into, range.end(), path + ".end");
      values.encode(into, range.step(), path + ".step");
      into.putBoolean(range.isInclusive());
      return true;
    }
    if (!isStrict(elements, name)) {
      return false;
    }
    if (name.startsWith("scala.collection.mutable.")) {
      values.mutable(path);
    }
    into.tag('S').putString(name);
    if (elements instanceof scala.collection.immutable.Range range) {
      into.tag('r').putInt(range.start()).putInt(range.end()).putInt(range.step());
      into.putBoolean(range.isInclusive());
      return true;
    }
    if (elements instanceof scala.collection.SortedOps<?, ?> sorted) {
      values.encode(into, sorted.ordering(), path + ".ordering");
    }
    List<List<@Nullable Object>> entries = new ArrayList<>();
    scala.collection.Iterator<?> iterator = inTaskOrder(values, elements, name).iterator();
    while (iterator.hasNext()) {
      Object element = iterator.next();
      values.spend(8, path);
      entries.add(
          element instanceof scala.Tuple2<?, ?> pair
              ? Arrays.asList(pair._1(), pair._2())
              : Arrays.asList(element));
    }
    entries(values, into, entries, !hashesByIdentity(elements, entries), path);
    return true;
  }

  /** Whether a collection of Scala's holds its elements and nothing else that code could see. */
  private static boolean isStrict(scala.collection.Iterable<?> elements, String name) {
    boolean strict =
        elements instanceof scala.collection.immutable.StrictOptimizedSeqOps
            || elements instanceof scala.collection.immutable.List
            || elements instanceof scala.collection.immutable.Map
            || elements instanceof scala.collection.immutable.Set
            || elements instanceof scala.collection.mutable.Iterable;
    return strict
        && !(elements instanceof scala.collection.View)
        && NOT_STRICT.stream().noneMatch(name::contains);
  }

  private static scala.collection.Iterable<?> inTaskOrder(
      CapturedValues values, scala.collection.Iterable<?> elements, String name) {
    if (values.iteratesAsInTask()) {
      return elements;
    }
    if (elements instanceof scala.collection.mutable.HashMap<?, ?> map
        && name.equals("scala.collection.mutable.HashMap")) {
      return scala.collection.mutable.HashMap$.MODULE$.from(map);
    }
    if (elements instanceof scala.collection.mutable.HashSet<?> set
        && name.equals("scala.collection.mutable.HashSet")) {
      return scala.collection.mutable.HashSet$.MODULE$.from(set);
    }
    return elements;
  }

  private static void entries(
      CapturedValues values,
      CanonicalHasher into,
      List<List<@Nullable Object>> entries,
      boolean ordered,
      String path) {
    if (!ordered) {
      values.unordered(into, entries, path);
      return;
    }
    into.putInt(entries.size());
    String element = path + "()";
    for (List<@Nullable Object> entry : entries) {
      into.putInt(entry.size());
      for (Object part : entry) {
        values.encode(into, part, element);
      }
    }
  }
}
