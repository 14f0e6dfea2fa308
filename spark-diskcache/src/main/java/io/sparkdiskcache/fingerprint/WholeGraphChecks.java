// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.apache.xbean.asm9.Type;

/** Facts about reached code that can be judged only when all of it is known. */
final class WholeGraphChecks {
  private final CodeGraph graph;
  private final ClassFiles files;
  private final Set<String> readFields = new HashSet<>();

  /** Field to the method that assigns it. */
  private final Map<String, String> writtenFields = new LinkedHashMap<>();

  /** Method to the method that calls it. */
  private final Map<String, String> abstractCalls = new LinkedHashMap<>();

  /** Inner class to the class around it, where the former looks at the latter. */
  private final Map<String, String> outerReads = new LinkedHashMap<>();

  private final Set<String> lambdaInterfaces = new HashSet<>();
  private final Set<String> held = new LinkedHashSet<>();
  private final Set<String> shared = new LinkedHashSet<>();
  private final Set<String> fromRows = new HashSet<>();

  private boolean writes;

  WholeGraphChecks(CodeGraph graph) {
    this.graph = graph;
    this.files = graph.files;
  }

  static boolean isOuter(String field) {
    return field.equals("$outer") || field.startsWith("this$");
  }

  void readField(String declaring, String field, String desc) {
    readFields.add(declaring + "." + field);
    if (isOuter(field)) {
      outerReads.put(declaring, Type.getType(desc).getInternalName());
    }
  }

  boolean isRead(String declaring, String field) {
    return readFields.contains(declaring + "." + field);
  }

  void writeField(String declaring, String field, String at) {
    writtenFields.putIfAbsent(declaring + "." + field, at);
  }

  void callAbstract(String owner, String method, String at) {
    abstractCalls.putIfAbsent(owner + "." + method, at);
  }

  void implementedByLambda(String type) {
    if (files.isApplication(type)) {
      lambdaInterfaces.addAll(files.supertypes(type));
    }
  }

  /** An object of this class outlives one call of the function. */
  void hold(String name) {
    held.add(name);
  }

  /** An object of this class is one that the whole JVM shares. */
  void share(String name) {
    held.add(name);
    shared.add(name);
  }

  /** Objects of this class are made by Spark from rows. */
  void comesFromRows(String name) {
    fromRows.add(name);
  }

  /** Whether the function may change an object that came with it; to be asked after the check. */
  boolean writes() {
    return writes;
  }

  /** Refuses what does not hold. */
  void check(Collection<String> instantiated, Collection<String> modules) {
    writtenFields.forEach(this::checkWrite);
    abstractCalls.forEach((method, at) -> checkCall(method, at, instantiated));
    outerReads.forEach((inner, outer) -> checkOuter(inner, outer, instantiated, modules));
  }

  /**
   * A row may depend on a field that a function assigns in an object that lives from row to row.
   * Where the object came with the function, the task sees after the last row that it was changed,
   * and keeps nothing. That is not so of what nobody encodes, and of what others may assign
   * meanwhile.
   */
  private void checkWrite(String field, String at) {
    String declaring = field.substring(0, field.indexOf('.'));
    String name = field.substring(declaring.length() + 1);
    ClassFile.Field declared = files.read(declaring).field(name);
    boolean encoded =
        declared != null
            && !declared.isTransient()
            && files.isSubtype(declaring, "java/io/Serializable");
    Set<String> unseen = encoded ? shared : held;
    if (unseen.stream().anyMatch(type -> files.isSubtype(type, declaring))) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " assigns field "
              + StableNames.label(declaring, name)
              + " of an object that lives from row to row, so a row depends on the rows before it;"
              + " keep such state in local variables");
    }
    writes |= held.stream().anyMatch(type -> files.isSubtype(type, declaring));
  }

  private void checkCall(String method, String at, Collection<String> instantiated) {
    String owner = method.substring(0, method.indexOf('.'));
    boolean known =
        lambdaInterfaces.contains(owner)
            || instantiated.stream()
                .anyMatch(type -> !files.read(type).isAbstract() && files.isSubtype(type, owner));
    if (!known) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " calls "
              + method.substring(0, method.indexOf('(')).replace('/', '.')
              + ", and no class that implements it can be seen from the function; create or capture"
              + " the implementation inside the function");
    }
  }

  /** The object around an inner object is hashed if the inner one was made here, not by Spark. */
  private void checkOuter(
      String inner, String outer, Collection<String> instantiated, Collection<String> modules) {
    boolean made =
        instantiated.stream()
            .anyMatch(type -> !fromRows.contains(type) && files.isSubtype(type, inner));
    boolean known =
        made
            || modules.contains(outer)
            || held.stream().anyMatch(type -> files.isSubtype(type, outer));
    if (!known && readsStateOf(outer)) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          "class "
              + StableNames.ofClass(inner).replace('/', '.')
              + " reads the state of the "
              + StableNames.ofClass(outer).replace('/', '.')
              + " around it, which does not come with a row; define it at the top level");
    }
  }

  private boolean readsStateOf(String outer) {
    if (!files.isApplication(outer)) {
      return true;
    }
    return files.supertypes(outer).stream()
        .filter(files::isApplication)
        .anyMatch(
            type ->
                files.read(type).fields().stream()
                    .anyMatch(
                        field ->
                            !field.isStatic()
                                && !isOuter(field.name())
                                && isRead(type, field.name())));
  }
}
