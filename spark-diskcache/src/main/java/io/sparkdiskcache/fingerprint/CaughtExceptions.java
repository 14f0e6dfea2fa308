// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.HashSet;
import java.util.Set;
import org.apache.xbean.asm9.Label;
import org.apache.xbean.asm9.Opcodes;
import org.jspecify.annotations.Nullable;

/**
 * Whether a method does anything with an exception of the JVM that it catches but drop it or throw
 * it again: then its message may show, in which the JVM tells what local variables are called.
 *
 * <p>Reads one method's instructions in order. Only a {@link NullPointerException} has such a
 * message, so that handlers of types that cannot be one do not count.
 */
final class CaughtExceptions {
  private static final Set<String> MAY_NAME_VARIABLES =
      Set.of(
          "java/lang/NullPointerException",
          "java/lang/RuntimeException",
          "java/lang/Exception",
          "java/lang/Throwable");

  private enum OnStack {
    NOTHING,
    /** Just caught. */
    CAUGHT,
    /** Loaded from the variable where it was put. */
    LOADED
  }

  private final Runnable used;
  private final Set<Label> handlers = new HashSet<>();
  private final Set<Integer> variables = new HashSet<>();
  private OnStack top = OnStack.NOTHING;

  /** Whether the last instruction took what a handler was given. */
  private boolean caught;

  /**
   * @param used called where one is used
   */
  CaughtExceptions(Runnable used) {
    this.used = used;
  }

  /**
   * @param type null for what compilers add to release a lock or to end a block, where no code of
   *     the user's has the exception
   */
  void handler(Label label, @Nullable String type) {
    if (type != null && MAY_NAME_VARIABLES.contains(type)) {
      handlers.add(label);
    }
  }

  void label(Label label) {
    if (handlers.contains(label)) {
      top = OnStack.CAUGHT;
    }
  }

  /** Any instruction; those of variables are followed by {@link #variable}. */
  void instruction(int opcode) {
    OnStack was = top;
    top = OnStack.NOTHING;
    boolean drops =
        opcode == Opcodes.ATHROW
            || (was == OnStack.CAUGHT && (opcode == Opcodes.POP || opcode == Opcodes.ASTORE));
    if (was != OnStack.NOTHING && !drops) {
      used.run();
    }
    caught = was == OnStack.CAUGHT;
  }

  void variable(int opcode, int variable) {
    if (opcode == Opcodes.ASTORE && caught) {
      variables.add(variable);
    } else if (opcode == Opcodes.ALOAD && variables.contains(variable)) {
      top = OnStack.LOADED;
    }
  }
}
