// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.time.ZoneId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * One walk over one plan: the hash so far, where the walk is, and what it learned on the way.
 *
 * <p>Expression ids are drawn from a counter of the JVM, so they are replaced by the number of
 * their first occurrence. Two plans that differ in ids only then feed the same bytes, and only
 * those do.
 */
final class Encoding {
  private final Deque<String> place = new ArrayDeque<>();
  private final Map<Long, Integer> expressionIds = new HashMap<>();
  private final Map<Long, Integer> lambdaIds = new HashMap<>();
  private final SortedSet<String> zones = new TreeSet<>();
  private final SortedMap<String, String> components = new TreeMap<>();
  private final Set<String> ofUnits = new LinkedHashSet<>();
  private final Set<String> elsewhere = new LinkedHashSet<>();
  private final List<FunctionProof> functions = new ArrayList<>();
  private boolean inOtherTasks;
  private int beside;
  private CanonicalHasher hasher = new CanonicalHasher();

  CanonicalHasher out() {
    return hasher;
  }

  RefusedException refused(Refusal.Code code, String sentence) {
    return RefusedException.of(code, place(), sentence);
  }

  /** Node names from the outermost to here. */
  String place() {
    Iterator<String> outermostFirst = place.descendingIterator();
    List<String> names = new ArrayList<>(place.size());
    outermostFirst.forEachRemaining(names::add);
    return String.join("/", names);
  }

  void within(String name, Runnable walk) {
    place.push(name);
    walk.run();
    place.pop();
  }

  void expressionId(long id) {
    hasher.tag('#').putInt(number(expressionIds, id));
  }

  /** Variables of encoders count in a namespace of their own. */
  void lambdaVariableId(long id) {
    hasher.tag('%').putInt(number(lambdaIds, id));
  }

  /**
   * Encodes elements whose order has no meaning. None may bring an id that was not seen before: its
   * number would depend on the order.
   */
  <T> void unordered(Collection<T> elements, Consumer<T> encode) {
    List<byte[]> digests = new ArrayList<>(elements.size());
    int known = expressionIds.size() + lambdaIds.size();
    for (T element : elements) {
      digests.add(digestOf(() -> encode.accept(element)));
    }
    if (expressionIds.size() + lambdaIds.size() != known) {
      throw refused(
          Refusal.Code.ARGUMENT, "an unordered collection holds an attribute seen nowhere before");
    }
    hasher.putUnordered(digests);
  }

  /** What {@code walk} encodes, as a digest beside the main hash. */
  byte[] digestOf(Runnable walk) {
    CanonicalHasher outer = hasher;
    hasher = new CanonicalHasher();
    try {
      walk.run();
      return hasher.digest();
    } finally {
      hasher = outer;
    }
  }

  /** Notes that rows depend on the date of the day in a time zone. */
  void dependsOnToday(ZoneId zone) {
    zones.add(zone.getId());
  }

  /** Time zones whose date of the day matters. */
  List<ZoneId> zones() {
    return zones.stream().map(ZoneId::of).collect(Collectors.toList());
  }

  /**
   * Demands that a function prove itself where it runs; to be called where the function is met.
   *
   * @param digest that the tasks will compute, too
   */
  void demandProof(String digest) {
    (beside == 0 ? ofUnits : elsewhere).add(digest);
  }

  /**
   * The same of a function that says in each task that it runs: only elsewhere it has to be asked
   * for.
   */
  void demandProofElsewhere(String digest) {
    if (beside > 0) {
      elsewhere.add(digest);
    }
  }

  /** What {@code walk} meets runs in tasks of Spark's own if {@code now}, or if it did before. */
  void inOtherTasks(boolean now, Runnable walk) {
    boolean before = inOtherTasks;
    inOtherTasks = before || now;
    walk.run();
    inOtherTasks = before;
  }

  /** Whether what is met runs in tasks of Spark's own: below an exchange, or in another job. */
  boolean isInOtherTasks() {
    return inOtherTasks;
  }

  /** Asks the task that computes rows to show that it runs this very function. */
  void prove(FunctionProof proof) {
    if (!inOtherTasks && functions.stream().noneMatch(proof::isSame)) {
      functions.add(proof);
    }
  }

  List<FunctionProof> functions() {
    return List.copyOf(functions);
  }

  /** Walks what does not run, or not always, in the task that computes a unit. */
  void beside(Runnable walk) {
    beside++;
    try {
      walk.run();
    } finally {
      beside--;
    }
  }

  Proofs proofs() {
    return ofUnits.isEmpty() && elsewhere.isEmpty() ? Proofs.NONE : new Proofs(ofUnits, elsewhere);
  }

  /** Names an ingredient, for people. */
  void component(String name, String value) {
    // Of names, those that quote queries; paths of files are names that selectors look for.
    String shown = name.startsWith("input.opaque.") ? Redaction.text(name) : name;
    components.put(shown, Redaction.text(value));
  }

  SortedMap<String, String> components() {
    return components;
  }

  private static int number(Map<Long, Integer> ids, long id) {
    Integer known = ids.get(id);
    if (known != null) {
      return known;
    }
    int next = ids.size();
    ids.put(id, next);
    return next;
  }
}
