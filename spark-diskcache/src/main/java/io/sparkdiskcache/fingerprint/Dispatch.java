// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.ClassFiles.Resolved;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Which methods of a class are called by code that knows only a supertype. */
final class Dispatch {
  private static final String AGGREGATOR = "org/apache/spark/sql/expressions/Aggregator";

  private Dispatch() {}

  /**
   * The methods that calls through a supertype of {@code name} may end up in, in an order of their
   * own.
   */
  static List<ClassFile.Method> targets(ClassFiles files, String name) {
    Set<String> types = files.supertypes(name);
    Map<String, Integer> declared = new HashMap<>();
    Map<String, ClassFile.Method> found = new LinkedHashMap<>();
    for (String type : types) {
      for (ClassFile.Method method : files.read(type).methods()) {
        if (isVirtual(method) && !isForPlanning(types, method)) {
          declared.merge(method.key(), 1, Integer::sum);
          found.putIfAbsent(method.key(), method);
        }
      }
    }
    List<ClassFile.Method> targets = new ArrayList<>();
    for (ClassFile.Method method : found.values()) {
      Resolved target = files.resolve(name, method.name(), method.desc());
      if (declared.getOrDefault(method.key(), 0) > 1
          && target != null
          && !target.method().isAbstract()
          && files.isApplication(target.owner())) {
        targets.add(method);
      }
    }
    targets.sort(
        Comparator.comparing((ClassFile.Method m) -> StableNames.ofMethod(m.name()))
            .thenComparing(m -> StableNames.ofClass(m.desc())));
    return targets;
  }

  private static boolean isVirtual(ClassFile.Method method) {
    return !method.isStatic() && !method.isPrivate() && !method.name().startsWith("<");
  }

  /**
   * An Aggregator's two encoders say what its buffer and result look like. Spark asks for them
   * while planning, never per row, and what they are stands in the plan.
   */
  static boolean isForPlanning(Set<String> types, ClassFile.Method method) {
    return (method.name().equals("bufferEncoder") || method.name().equals("outputEncoder"))
        && types.contains(AGGREGATOR);
  }
}
