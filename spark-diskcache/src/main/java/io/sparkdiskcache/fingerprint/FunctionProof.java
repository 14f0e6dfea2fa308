// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.WeakHashMap;

/**
 * The driver's word on a function, to be compared in the task that computes rows with it: its
 * digest, and the very object.
 *
 * <p>The object travels in the serialized form of the RDD whose lineage calls it, so that what a
 * task finds here is what it calls: one stream has one copy of an object. Its digest is taken in
 * the task before the first row, with the classes that the executor has loaded and the values that
 * came along, and again after the last row, by when the function may have changed what it holds.
 */
@Internal
public final class FunctionProof implements Serializable {
  private static final long serialVersionUID = 1;

  /** Digests that hold in this process, by class loader; of functions that hold nothing mutable. */
  private static final Map<ClassLoader, Set<String>> HELD =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final Object subject;
  private final String name;
  private final byte[] digest;
  private final boolean stateful;
  private final boolean service;
  private final TreeMap<String, String> parts;
  private final HashMap<String, byte[]> inMemory;

  private FunctionProof(Object subject, String name, CodeIdentity identity, boolean service) {
    this.subject = subject;
    this.name = name;
    this.digest = identity.digest();
    this.stateful = identity.capturesMutableState();
    this.service = service;
    this.parts = new TreeMap<>(identity.parts());
    this.inMemory = new HashMap<>(identity.inMemory());
  }

  /** Of a function object, or of a class that Spark makes from rows. */
  static FunctionProof of(Object subject, CodeIdentity identity) {
    String name =
        subject instanceof Class<?> type ? type.getName() : MemoizableFunction.name(subject);
    return new FunctionProof(subject, name, identity, false);
  }

  /** Of a function that may ask a service, as its author says. */
  static FunctionProof ofService(Object subject, CodeIdentity identity) {
    return new FunctionProof(subject, MemoizableFunction.name(subject), identity, true);
  }

  boolean isSame(FunctionProof other) {
    return subject == other.subject && Arrays.equals(digest, other.digest);
  }

  /** Whether it reads what can change. */
  public boolean isStateful() {
    return stateful;
  }

  /** Class and method, for people. */
  public String name() {
    return name;
  }

  /** In hexadecimal. */
  public String digest() {
    return HexFormat.of().formatHex(digest);
  }

  /**
   * Called in a task: empty if what is here is what the driver saw; else what is not. Never throws.
   */
  public Optional<String> difference(ClassLoader loader) {
    try {
      if (!stateful && HELD.getOrDefault(loader, Set.of()).contains(digest())) {
        return Optional.empty();
      }
      ClassFiles.add(loader, inMemory);
      CodeHasher hasher =
          CodeHasher.inTask(loader, service ? ForbiddenCalls.OF_SERVICES : Set.of());
      CodeIdentity here =
          subject instanceof Class<?> type ? hasher.hashClass(type, "") : hasher.hash(subject, "");
      if (!Arrays.equals(digest, here.digest())) {
        return Optional.of(other(here.parts()) + " is not what it was on the driver");
      }
      if (!stateful) {
        HELD.computeIfAbsent(loader, l -> Collections.synchronizedSet(new HashSet<>()))
            .add(digest());
      }
      return Optional.empty();
    } catch (RefusedException e) {
      return Optional.of(e.refusal().sentence());
    } catch (RuntimeException | LinkageError | StackOverflowError e) {
      return Optional.of("it cannot be examined in the task: " + e);
    }
  }

  private String other(SortedMap<String, String> here) {
    for (Map.Entry<String, String> part : parts.entrySet()) {
      if (!part.getValue().equals(here.get(part.getKey()))) {
        return part.getKey();
      }
    }
    return "the order or the number of what it reaches";
  }

  /** Why Java serialization cannot carry them beside the lineage; empty if it can. */
  public static Optional<String> obstacle(List<FunctionProof> proofs) {
    try (ObjectOutputStream out = new ObjectOutputStream(OutputStream.nullOutputStream())) {
      out.writeObject(proofs.toArray());
      return Optional.empty();
    } catch (IOException | RuntimeException | StackOverflowError e) {
      return Optional.of("what its functions hold cannot be serialized: " + e);
    }
  }
}
