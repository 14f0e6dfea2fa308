// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.store.FileLook;
import io.sparkdiskcache.store.FileRead;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Facts about the functions that computed some rows.
 *
 * @param reads files that they read
 * @param objections why the rows may not be published; empty if they may
 */
record Findings(List<FileRead> reads, List<Objection> objections) implements Serializable {
  static final Findings NONE = new Findings(List.of(), List.of());

  Findings {
    reads = List.copyOf(reads);
    objections = List.copyOf(objections);
  }

  /** Of rows that are stored, and so were published. */
  static Findings ofStored(List<FileRead> reads) {
    return reads.isEmpty() ? NONE : new Findings(reads, List.of());
  }

  boolean isEmpty() {
    return reads.isEmpty() && objections.isEmpty();
  }

  boolean mayPublish() {
    return objections.isEmpty();
  }

  Findings and(Findings other) {
    if (other.isEmpty()) {
      return this;
    }
    if (isEmpty()) {
      return other;
    }
    Set<FileRead> allReads = new LinkedHashSet<>(reads);
    allReads.addAll(other.reads);
    Set<Objection> allObjections = new LinkedHashSet<>(objections);
    allObjections.addAll(other.objections);
    return new Findings(List.copyOf(allReads), List.copyOf(allObjections));
  }

  /** The same after a look at the files: one that changed since it was read is an objection. */
  Findings lookedAt() {
    if (reads.isEmpty()) {
      return this;
    }
    if (!FileRead.fit(reads)) {
      return with(
          new Objection(
              Objection.Reason.FILE,
              reads.size() + " files",
              "functions read more files than are looked at again, or such with long names"));
    }
    Optional<FileRead> changed = new FileLook().changed(reads);
    return changed
        .map(
            file ->
                with(
                    new Objection(
                        Objection.Reason.FILE,
                        file.path(),
                        "a function read it, and it changed meanwhile")))
        .orElse(this);
  }

  /** With the reason why the rows are not kept, if it may be others' as well. */
  Findings because(Objection notKept) {
    return notKept.reason().isOfRows() && !objections.contains(notKept) ? with(notKept) : this;
  }

  private Findings with(Objection objection) {
    List<Objection> all = new ArrayList<>(objections);
    all.add(objection);
    return new Findings(reads, all);
  }
}
