// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.SortedMap;
import java.util.SortedSet;
import org.jspecify.annotations.Nullable;

/**
 * Encodes the collections of the JDK and of Scala. What has an order that code can see keeps it;
 * what is ordered by hash codes is written as the sorted digests of its elements. Views and lazy
 * collections are not known here.
 */
final class CollectionValues {
  /** How the elements of a class are ordered, and whether its holder can change them. */
  private record Kind(boolean ordered, boolean mutable) {}

  private static final Kind LIST = new Kind(true, false);
  private static final Kind HASHED = new Kind(false, false);
  private static final Kind MUTABLE_LIST = new Kind(true, true);
  private static final Kind MUTABLE_HASHED = new Kind(false, true);

  /** Wrappers are as mutable, and ordered, as what they wrap. */
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
          Map.entry("HashSet", MUTABLE_HASHED),
          Map.entry("HashMap", MUTABLE_HASHED),
          Map.entry("Hashtable", MUTABLE_HASHED),
          Map.entry("concurrent.ConcurrentHashMap", MUTABLE_HASHED),
          Map.entry("concurrent.CopyOnWriteArrayList", MUTABLE_LIST),
          Map.entry("Collections$UnmodifiableCollection", MUTABLE_LIST),
          Map.entry("Collections$UnmodifiableList", MUTABLE_LIST),
          Map.entry("Collections$UnmodifiableRandomAccessList", MUTABLE_LIST),
          Map.entry("Collections$UnmodifiableSet", MUTABLE_LIST),
          Map.entry("Collections$UnmodifiableMap", MUTABLE_LIST));

  /** Scala maps and sets that iterate by hash code; every other strict one has an order. */
  private static final List<String> SCALA_HASHED =
      List.of(
          "scala.collection.immutable.HashMap",
          "scala.collection.immutable.HashSet",
          "scala.collection.mutable.HashMap",
          "scala.collection.mutable.HashSet");

  private CollectionValues() {}

  /** False if the value is not a collection that is known here. */
  static boolean encode(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Object value, String path) {
    String name = value.getClass().getName();
    if (name.startsWith("java.util.")) {
      Kind kind = JAVA.get(name.substring("java.util.".length()));
      if (kind == null || !(value instanceof Iterable || value instanceof Map)) {
        return false;
      }
      java(values, into, value, kind, name, path);
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
      values.mutable(path, "a " + name);
    }
    into.tag('j').putString(name);
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
        entries.add(Arrays.asList(entry.getKey(), entry.getValue()));
      }
    } else if (value instanceof Iterable<?> elements) {
      for (Object element : elements) {
        entries.add(Arrays.asList(element));
      }
    }
    entries(values, into, entries, kind.ordered, path);
  }

  private static boolean scala(
      CapturedValues values,
      CanonicalHasher into,
      scala.collection.Iterable<?> elements,
      String name,
      String path) {
    boolean mutable = name.startsWith("scala.collection.mutable.");
    boolean strict =
        elements instanceof scala.collection.immutable.StrictOptimizedSeqOps
            || elements instanceof scala.collection.immutable.Map
            || elements instanceof scala.collection.immutable.Set
            || elements instanceof scala.collection.mutable.Iterable;
    boolean view =
        elements instanceof scala.collection.View
            || name.contains("WithDefault")
            || name.contains("LazyList")
            || name.contains("Stream")
            || name.contains("PriorityQueue")
            || name.contains("Multi")
            || name.contains("Weak")
            || name.contains("$anon");
    if (!(strict || elements instanceof scala.collection.immutable.List) || view) {
      return false;
    }
    if (mutable) {
      values.mutable(path, "a " + name);
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
    scala.collection.Iterator<?> iterator = elements.iterator();
    while (iterator.hasNext()) {
      Object element = iterator.next();
      entries.add(
          element instanceof scala.Tuple2<?, ?> pair
              ? Arrays.asList(pair._1(), pair._2())
              : Arrays.asList(element));
    }
    boolean hashed = SCALA_HASHED.stream().anyMatch(name::startsWith);
    entries(values, into, entries, !hashed, path);
    return true;
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
