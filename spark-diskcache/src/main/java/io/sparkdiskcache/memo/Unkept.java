// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.store.MemoKey;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.jspecify.annotations.Nullable;

/**
 * The last answers of one function to a task that are not to be kept: nulls and what errors became.
 * Only so that the expressions Spark has duplicated do not call again for the same row.
 */
final class Unkept {
  private static final int MAX_ENTRIES = 1 << 12;
  private static final ThreadLocal<@Nullable Answers> ANSWERS = new ThreadLocal<>();

  /** Functions of the same code have the same keys, but may treat errors differently. */
  private record Question(Unkept function, MemoKey key) {}

  /** Of one attempt of a task; a thread runs one at a time. */
  private static final class Answers extends LinkedHashMap<Question, Known> {
    private final long attempt;

    Answers(long attempt) {
      this.attempt = attempt;
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<Question, Known> eldest) {
      return size() > MAX_ENTRIES;
    }
  }

  @Nullable Known get(MemoKey key) {
    Answers known = ANSWERS.get();
    TaskContext task = TaskContext.get();
    return known == null || task == null || known.attempt != task.taskAttemptId()
        ? null
        : known.get(new Question(this, key));
  }

  void put(MemoKey key, Known known) {
    TaskContext task = TaskContext.get();
    if (task == null) {
      return;
    }
    Answers mine = ANSWERS.get();
    if (mine == null || mine.attempt != task.taskAttemptId()) {
      mine = new Answers(task.taskAttemptId());
      ANSWERS.set(mine);
    }
    mine.put(new Question(this, key), known);
  }
}
