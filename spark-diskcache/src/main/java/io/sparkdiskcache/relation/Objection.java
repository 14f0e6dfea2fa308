// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.io.Serializable;

/**
 * Why rows that were computed have no name, so that no other application finds them: they may not
 * be what the key promises, or could not be stored.
 *
 * @param object the variable, field, function, file or host, in the user's words
 * @param sentence what was found of it
 */
public record Objection(Reason reason, String object, String sentence) implements Serializable {

  /** The kind of thing that is wrong, and the usual cure. */
  public enum Reason {
    /** The code or a value in the task is not what the driver's digest says. */
    DIFFERS(true, "Start a new session, or see that all hosts have the same code and libraries"),
    /** The function did what a function of its arguments does not do. */
    IMPURE(true, "Take the call out of the function, or do not cache this result"),
    /** Nothing was heard of a function whose digest is in the key. */
    UNPROVEN(true, "Install the same version of sparkdiskcache on all hosts"),
    /** A file that a function read changed meanwhile, or cannot be an input. */
    FILE(true, "Read a regular file of at most 64 MiB that nobody writes meanwhile"),
    /** An input file changed so recently that its timestamp cannot be trusted. */
    SETTLING(true, "Run it again once the file is older than spark.diskcache.inputs.settle"),
    /** An input changed while it was read, or the day ended that is part of the key. */
    INPUT(true, "Run it again when nobody writes its input"),
    /** The settings are not those that the plan was made with. */
    SETTINGS(true, "Change settings before the DataFrame is made, and not after"),
    /** The process that runs the task is not set up as the driver is. */
    ENVIRONMENT(
        true,
        "Start executors with the driver's Java, time zone, locale and character set, as by"
            + " spark.executor.extraJavaOptions"),
    /** An audit found the function wrong. */
    AUDIT(true, "Look for what the function reads besides its arguments"),
    /** An input or a function of the query has no identity when it is executed. */
    REFUSED(true, "Mend what the sentence names"),
    /** The user may not read an input. */
    ACCESS(false, "Ask for the right to read the input"),
    /** The process that runs the task has no cache directory, or could not write there. */
    STORE(false, "Give the host a directory that can be written, see spark.diskcache.dir"),
    /** It does not fit, or the disk is full. */
    ROOM(false, "Raise spark.diskcache.maxBytes, or free disk space"),
    /** Keeping it does not pay. */
    ADMISSION(false, "Set spark.diskcache.admission=always to keep it all the same"),
    /** Partitions of different runs may not be mixed, and a part of one is not served. */
    RUN(false, "Run it again, and read all of it once, as count() does"),
    /** An error of the cache itself. */
    ERROR(false, "Report it with its message and the log");

    private final boolean ofRows;
    private final String cure;

    Reason(boolean ofRows, String cure) {
      this.ofRows = ofRows;
      this.cure = cure;
    }

    /** Whether the rows may not be those of the key; if so, neither may what is made of them. */
    boolean isOfRows() {
      return ofRows;
    }

    /** Whether it is about one function, so that there may be several of them to mend. */
    boolean isOfFunctions() {
      return this == DIFFERS || this == IMPURE || this == UNPROVEN || this == FILE;
    }

    /** The cure, as a sentence without its full stop. */
    public String cure() {
      return cure;
    }
  }

  @Override
  public String toString() {
    return object + ": " + sentence;
  }
}
