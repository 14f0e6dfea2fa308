// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.FileRead;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The facts that are found out about functions while they compute. Any thread may report; nothing
 * here throws and nothing is lost: who asks later gets all of it, each fact once.
 */
@Internal
public class Evidence {
  /** More objections say nothing new. */
  private static final int MAX_OBJECTIONS = 64;

  private final Set<String> started = new LinkedHashSet<>();
  private final Set<String> proven = new LinkedHashSet<>();
  private final Set<FileRead> reads = new LinkedHashSet<>();
  private final Set<Objection> objections = new LinkedHashSet<>();

  Evidence() {}

  /** A function is about to run: from now on its proof is demanded. */
  public synchronized void started(String digest) {
    started.add(digest);
  }

  /** The function that runs is the one of the digest, before the first row and after the last. */
  public synchronized void proven(String digest) {
    proven.add(digest);
  }

  /** A function read a file, which thereby is an input of the rows. */
  public synchronized void read(FileRead file) {
    reads.add(file);
  }

  /**
   * A function read a file by itself; the file is looked at now.
   *
   * @param path absolute
   */
  public void read(String path) {
    FileRead.of(path)
        .ifPresentOrElse(this::read, () -> unreadable(path, "it is no regular file up to 64 MiB"));
  }

  /** A function read what cannot be an input: a device, a huge file, a file of another host. */
  public void unreadable(String path, String why) {
    object(new Objection(Objection.Reason.FILE, path, "a function read it, and " + why));
  }

  /**
   * The function that runs here is not the one of the driver's digest.
   *
   * @param object the variable, module, class or library that differs
   */
  public void differs(String object, String sentence) {
    object(new Objection(Objection.Reason.DIFFERS, object, sentence));
  }

  /**
   * A function did what a function of its arguments does not do.
   *
   * @param function in the user's words
   * @param call what it called, as {@code socket.connect}
   * @param frame file and line of the library or of the function that called
   */
  public void impure(String function, String call, String frame) {
    object(
        new Objection(
            Objection.Reason.IMPURE, function, "it called %s at %s".formatted(call, frame)));
  }

  synchronized void object(Objection objection) {
    if (objections.size() < MAX_OBJECTIONS) {
      objections.add(objection);
    }
  }

  /** Takes over what was found of rows that these rows are made of. */
  synchronized void include(Findings findings) {
    reads.addAll(findings.reads());
    findings.objections().forEach(this::object);
  }

  /** All that was reported so far. */
  synchronized Findings findings(Set<String> demanded) {
    if (started.isEmpty() && reads.isEmpty() && objections.isEmpty() && demanded.isEmpty()) {
      return Findings.NONE;
    }
    List<Objection> all = new ArrayList<>(objections);
    Set<String> missing = new LinkedHashSet<>(demanded);
    missing.addAll(started);
    missing.removeAll(proven);
    for (String digest : missing) {
      all.add(
          new Objection(
              Objection.Reason.UNPROVEN,
              "function " + digest,
              "the task did not show that it ran the function that was hashed"));
    }
    return new Findings(List.copyOf(reads), all);
  }
}
