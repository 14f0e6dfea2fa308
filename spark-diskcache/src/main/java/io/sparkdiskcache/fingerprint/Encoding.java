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
  private final Set<String> elsewhere = new LinkedHashSet<>();
  private final List<FunctionProof> functions = new ArrayList<>();
  private Where where = Where.ALWAYS;
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

  /** The digest of what {@code walk} encodes, beside the main hash. */
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

  /** How what is met relates to the task that computes a unit. */
  enum Where {
    /** It runs in each of these tasks. */
    ALWAYS,
    /** In some of them: one of several inputs. */
    SOMETIMES,
    /** In tasks of Spark's own: below an exchange, or in another job. */
    ELSEWHERE
  }

  /** Runs {@code walk}; the values that it meets are no nearer to the task than {@code at}. */
  void in(Where at, Runnable walk) {
    Where before = where;
    where = at.compareTo(before) > 0 ? at : before;
    try {
      walk.run();
    } finally {
      where = before;
    }
  }

  boolean isElsewhere() {
    return where == Where.ELSEWHERE;
  }

  /**
   * Demands the proof of a function that says by itself in each task that it runs, so that only
   * where it may run elsewhere it has to be asked for.
   *
   * @param digest that the tasks will compute, too
   */
  void demandProof(String digest) {
    if (where != Where.ALWAYS) {
      elsewhere.add(digest);
    }
  }

  /**
   * Asks the task that computes rows to show that it would run this very function. Of one that runs
   * elsewhere only the code can be shown, and not what it holds there.
   */
  void prove(FunctionProof proof) {
    if ((!isElsewhere() || !proof.isStateful()) && functions.stream().noneMatch(proof::isSame)) {
      functions.add(proof);
    }
  }

  List<FunctionProof> functions() {
    return List.copyOf(functions);
  }

  Proofs proofs() {
    return elsewhere.isEmpty() ? Proofs.NONE : new Proofs(Set.of(), elsewhere);
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
