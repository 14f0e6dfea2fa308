// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.io.Serializable;

/**
 * Why rows that a task computed have no name: they may not be what the key promises.
 *
 * @param object the variable, field, function or file, in the user's words
 * @param sentence what was found of it
 */
public record Objection(Reason reason, String object, String sentence) implements Serializable {

  /** Each is counted by itself. */
  public enum Reason {
    /** The code or a value in the task is not what the driver's digest says. */
    DIFFERS("Start a new session, or see that all hosts have the same code and libraries"),
    /** The function did what a function of its arguments does not do. */
    IMPURE("Take the call out of the function, or do not cache this result"),
    /** Nothing was heard of a function whose digest is in the key. */
    UNPROVEN("Install the same version of sparkdiskcache on all hosts"),
    /** A file that a function read changed meanwhile, or cannot be an input. */
    FILE("Read a regular file of at most 64 MiB that nobody writes meanwhile");

    private final String cure;

    Reason(String cure) {
      this.cure = cure;
    }

    /** The cure, as a sentence without its full stop. */
    public String cure() {
      return cure;
    }
  }

  @Override
  public String toString() {
    return "%s: %s".formatted(object, sentence);
  }
}
