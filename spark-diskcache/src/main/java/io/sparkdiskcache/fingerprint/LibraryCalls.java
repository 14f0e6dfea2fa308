// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.ClassFiles.Resolved;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Judges what reached code uses of the JDK, Scala, Spark and other libraries: by the table of
 * {@link ForbiddenCalls}, by what a library's member soon ends in ({@link LibrarySinks}), and by
 * what it is called.
 */
final class LibraryCalls {

  /** Members of libraries that make classes of names, or look for implementations. */
  private static final Pattern FINDS_CLASSES =
      Pattern.compile("(?i)class|typing|instantiat|newinstance|bean|loader|service|plugin|module");

  /** Members of libraries that open what they are given. */
  private static final Pattern OPENS =
      Pattern.compile("(?i)load|open|session|fromfile|readfile|parsefile|savefile|writefile|fetch");

  private static final Pattern TAKES_PATH =
      Pattern.compile("^\\([^)]*Ljava/(lang/String|net/UR|io/File|nio/file/)");

  private final CodeGraph graph;
  private final ClassFiles files;
  private final Set<String> excused;
  private final Set<String> permitted = new HashSet<>();
  private boolean usesServices;
  private boolean findsClasses;

  /**
   * @param excused reasons of the table that do not count
   */
  LibraryCalls(CodeGraph graph, Set<String> excused) {
    this.graph = graph;
    this.files = graph.files;
    this.excused = excused;
  }

  Set<String> excused() {
    return excused;
  }

  /**
   * Whether the JDK may have asked for providers that anybody may put on the class path: of
   * charsets, of names and numbers of a language, of time zones. Hardly a part of it does not.
   */
  boolean usesServices() {
    return usesServices;
  }

  /** Whether something finds classes by names that are not in the code: all of the user's count. */
  boolean findsClasses() {
    return findsClasses;
  }

  void noteFindsClasses() {
    findsClasses = true;
  }

  /**
   * Refuses a member that may not be used.
   *
   * @param judged true if {@link CallRules} have allowed this very call
   */
  void check(String owner, String name, String desc, String at, boolean judged) {
    ClassFiles.Origin origin = files.origin(owner);
    if (origin == ClassFiles.Origin.ABSENT) {
      files.read(owner);
    }
    if (origin == ClassFiles.Origin.LIBRARY) {
      ofLibrary(owner, name, desc, at, judged);
    }
    usesServices |= origin == ClassFiles.Origin.JDK;
    if (!judged && permitted.add(owner + "." + name + desc)) {
      boolean followed = origin == ClassFiles.Origin.JDK || origin == ClassFiles.Origin.ENGINE;
      Resolved target = followed ? files.resolve(owner, name, desc) : null;
      String declaring = target == null ? owner : target.owner();
      if (declaring.equals(owner) || ForbiddenCalls.speaksOf(owner, name, desc)) {
        permit(owner, name, desc, at);
      }
      if (!declaring.equals(owner)) {
        refuseIf(ForbiddenCalls.whyInherited(declaring, name, desc), declaring, name, at);
      }
    }
  }

  private void ofLibrary(String owner, String name, String desc, String at, boolean judged) {
    findsClasses |= FINDS_CLASSES.matcher(name).find() && desc.contains("Ljava/lang/");
    String member = at + " calls " + owner.replace('/', '.') + "." + name;
    if (OPENS.matcher(name).find() && TAKES_PATH.matcher(desc).find()) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          member
              + ", which may read the file or address that it is given; pass the content as an"
              + " argument, or declare the function non-deterministic");
    }
    Optional<String> sink =
        judged || !excused.isEmpty()
            ? Optional.empty()
            : LibrarySinks.find(files, owner, name, desc);
    if (sink.isPresent()) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          member
              + ", which ends in "
              + sink.get()
              + "; pass what it needs as an argument, or declare the function non-deterministic");
    }
  }

  /** Refuses a member that is known to read or change more than its arguments. */
  void permit(String owner, String name, String desc, String at) {
    refuseIf(ForbiddenCalls.why(owner, name, desc), owner, name, at);
  }

  private void refuseIf(@Nullable String why, String owner, String name, String at) {
    if (why != null && !excused.contains(why)) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " uses "
              + owner.replace('/', '.')
              + "."
              + name
              + ", which "
              + why
              + "; pass what it needs as an argument, or declare the function non-deterministic");
    }
  }
}
