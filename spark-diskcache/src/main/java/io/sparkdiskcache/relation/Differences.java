// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Why something is not stored, said as the difference to what is: of the stored relations, the one
 * that is most like the relation asked for is compared with it, component by component. For people;
 * no decision rests on it.
 */
final class Differences {
  private static final String FUNCTION = "function.";
  private static final String CONF = "conf.";
  private static final String PLAN = "plan.node.";
  private static final String COLUMN = "column.";
  private static final String PRECISION = "encoding";
  private static final String INPUT = "input.";
  private static final String TODAY = "today.";
  private static final String ENGINE = "engine.";

  /** A relation that is less alike than this is another one altogether. */
  private static final double LEAST_LIKENESS = 0.3;

  /** Relations looked at, newest first, and sentences said. */
  private static final int MOST_RELATIONS = 200;

  private static final int MOST_SENTENCES = 8;

  private Differences() {}

  /**
   * The differences between the components and the nearest stored ones; empty if nothing is near.
   *
   * @param encryption of this application; null if its entries are plain
   */
  static List<String> toNearest(
      DiskStore store, @Nullable Encryption encryption, Map<String, String> wanted) {
    return newestOfEachRelation(store).stream()
        .sorted(Comparator.comparing(Entry::createdAt).reversed())
        .limit(MOST_RELATIONS)
        .flatMap(entry -> store.components(entry.key()).stream())
        .map(stored -> Encryption.unseal(encryption, stored))
        .max(Comparator.comparingDouble(stored -> likeness(stored, wanted)))
        .filter(stored -> likeness(stored, wanted) >= LEAST_LIKENESS)
        .map(stored -> between(stored, wanted))
        .orElse(List.of());
  }

  private static List<Entry> newestOfEachRelation(DiskStore store) {
    return store.entries().stream()
        .collect(
            Collectors.groupingBy(
                Entry::relation, Collectors.maxBy(Comparator.comparing(Entry::createdAt))))
        .values()
        .stream()
        .flatMap(Optional::stream)
        .toList();
  }

  /** Between 0 and 1: equal steps of the plan, columns and names of files. */
  private static double likeness(Map<String, String> stored, Map<String, String> wanted) {
    List<String> a = traits(stored);
    List<String> b = traits(wanted);
    int all = a.size() + b.size();
    return all == 0 ? 0 : 2.0 * (a.size() - minus(a, b).size()) / all;
  }

  private static List<String> traits(Map<String, String> components) {
    List<String> traits = new ArrayList<>(steps(components));
    components.keySet().stream()
        .filter(name -> name.startsWith(INPUT) || name.startsWith(COLUMN))
        .forEach(traits::add);
    return traits;
  }

  /** The most telling sentences first. */
  static List<String> between(Map<String, String> stored, Map<String, String> wanted) {
    List<String> all =
        Stream.of(
                changed(FUNCTION, stored, wanted).map(Differences::functionSentence),
                changed(CONF, stored, wanted)
                    .map(c -> "setting %s: %s -> %s".formatted(c.name, c.then(), c.now())),
                changed(PRECISION, stored, wanted)
                    .map(c -> "precision: %s -> %s".formatted(c.then(), c.now())),
                changed(COLUMN, stored, wanted).map(Differences::columnSentence),
                changed(INPUT, stored, wanted).map(Differences::fileSentence),
                planSentences(steps(stored), steps(wanted)),
                changed(TODAY, stored, wanted)
                    .map(c -> "the day in %s: %s -> %s".formatted(c.name, c.then(), c.now())),
                changed(ENGINE, stored, wanted)
                    .map(c -> "%s of Spark, Java or a library was replaced".formatted(c.name)))
            .flatMap(sentences -> sentences)
            .toList();
    if (all.size() <= MOST_SENTENCES) {
      return all;
    }
    List<String> most = new ArrayList<>(all.subList(0, MOST_SENTENCES));
    most.add("and %d more differences".formatted(all.size() - MOST_SENTENCES));
    return most;
  }

  private static Stream<Change> changed(
      String prefix, Map<String, String> stored, Map<String, String> wanted) {
    SortedSet<String> names = new TreeSet<>(stored.keySet());
    names.addAll(wanted.keySet());
    return names.stream()
        .filter(name -> name.startsWith(prefix))
        .filter(name -> !Objects.equals(stored.get(name), wanted.get(name)))
        .map(
            name ->
                new Change(name.substring(prefix.length()), stored.get(name), wanted.get(name)));
  }

  private static String functionSentence(Change change) {
    String what =
        change.name.startsWith("static ") || change.name.startsWith("class ")
            ? change.name
            : "function " + change.name;
    return change.before == null
        ? "%s is used, and was not".formatted(what)
        : change.after == null
            ? "%s is no longer used".formatted(what)
            : "%s changed".formatted(what);
  }

  private static String columnSentence(Change change) {
    return change.before == null
        ? "column %s is new".formatted(change.name)
        : change.after == null
            ? "column %s is gone".formatted(change.name)
            : "column %s: %s -> %s".formatted(change.name, change.before, change.after);
  }

  /** Components of files are length, time and version, joined by commas. */
  private static String fileSentence(Change change) {
    if (change.before == null) {
      return "file %s is new".formatted(change.name);
    }
    if (change.after == null) {
      return "file %s is no longer read".formatted(change.name);
    }
    String then = change.before.substring(0, change.before.indexOf(','));
    String now = change.after.substring(0, change.after.indexOf(','));
    return then.equals(now)
        ? "file %s was written again".formatted(change.name)
        : "file %s: %s -> %s bytes".formatted(change.name, then, now);
  }

  private static List<String> steps(Map<String, String> components) {
    return new TreeSet<>(components.keySet())
        .stream().filter(name -> name.startsWith(PLAN)).map(components::get).toList();
  }

  /** Steps are not compared by number: one more step at the top would change them all. */
  private static Stream<String> planSentences(List<String> stored, List<String> wanted) {
    List<String> gone = minus(stored, wanted);
    List<String> added = minus(wanted, stored);
    List<String> sentences = new ArrayList<>();
    for (int i = 0; i < Math.max(gone.size(), added.size()); i++) {
      sentences.add(
          i >= gone.size()
              ? "the plan has the new step: " + added.get(i)
              : i >= added.size()
                  ? "the plan no longer has the step: " + gone.get(i)
                  : "the plan changed: %s -> %s".formatted(gone.get(i), added.get(i)));
    }
    return sentences.stream();
  }

  private static List<String> minus(List<String> from, List<String> what) {
    List<String> rest = new ArrayList<>(from);
    what.forEach(rest::remove);
    return rest;
  }

  private record Change(String name, @Nullable String before, @Nullable String after) {
    String then() {
      return before == null ? "(unset)" : before;
    }

    String now() {
      return after == null ? "(unset)" : after;
    }
  }
}
