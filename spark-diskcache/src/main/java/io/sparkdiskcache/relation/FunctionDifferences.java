// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Functions that were not in a task what the driver said they are: other code on that host, or a
 * value that changed on the way or while rows were computed. Such rows are kept for their relation
 * only. Told once a relation and counted, in the process that saw it.
 */
final class FunctionDifferences {
  private static final Logger log = LoggerFactory.getLogger(FunctionDifferences.class);
  private static final FunctionDifferences PROCESS = new FunctionDifferences();

  private final ConcurrentHashMap<String, LongAdder> seen = new ConcurrentHashMap<>();

  private FunctionDifferences() {}

  static FunctionDifferences process() {
    return PROCESS;
  }

  void differs(RelationSpec spec, String function, String sentence) {
    LongAdder times =
        seen.computeIfAbsent(
            spec.relation(),
            relation -> {
              log.info(
                  "{} is kept for this application only: function {}: {}.",
                  spec.description(),
                  function,
                  sentence);
              return new LongAdder();
            });
    times.increment();
  }

  /** How often it happened to a relation in this process. */
  long count(String relation) {
    LongAdder times = seen.get(relation);
    return times == null ? 0 : times.sum();
  }
}
