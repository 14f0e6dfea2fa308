// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.TreeMap;
import org.apache.xbean.asm9.Opcodes;
import org.jspecify.annotations.Nullable;

/**
 * Texts on the operand stack of one method that are known before it runs: constants, what a lambda
 * captured, and paths made of them. Only within a stretch of instructions that push, since anything
 * else may put another value at the same place.
 */
final class KnownTexts {
  private final TreeMap<Integer, String> byPlace = new TreeMap<>();
  private int last = -1;
  private boolean noElements;

  /** A text was pushed; {@code place} is the height of the stack before. */
  void push(int place, String text) {
    byPlace.put(place, text);
    last = Opcodes.LDC;
  }

  /** Any instruction; what a call does is told apart. */
  void instruction(int opcode) {
    if (opcode >= Opcodes.INVOKEVIRTUAL && opcode <= Opcodes.INVOKEINTERFACE) {
      return;
    }
    boolean pushes =
        opcode == Opcodes.NEW
            || opcode == Opcodes.LDC
            || opcode == Opcodes.DUP
            || opcode == Opcodes.GETSTATIC
            || opcode == Opcodes.ALOAD
            || opcode == Opcodes.ACONST_NULL
            || opcode == Opcodes.ANEWARRAY
            || (opcode >= Opcodes.ICONST_M1 && opcode <= Opcodes.ICONST_5);
    noElements = opcode == Opcodes.ANEWARRAY && last == Opcodes.ICONST_0;
    if (!pushes || (opcode == Opcodes.DUP && last != Opcodes.NEW)) {
      byPlace.clear();
    }
    last = opcode;
  }

  /** A jump or its target. */
  void jump() {
    byPlace.clear();
    last = -1;
    noElements = false;
  }

  /** A call takes what is at {@code base} and above; what it returns may be known. */
  void call(int base, @Nullable String result) {
    byPlace.tailMap(base, true).clear();
    last = -1;
    noElements = false;
    if (result != null) {
      byPlace.put(base, result);
    }
  }

  /** The constructed object is below its arguments, twice. */
  void constructed(int base, @Nullable String result) {
    call(base, null);
    byPlace.tailMap(base - 1, true).clear();
    if (result != null) {
      byPlace.put(base - 1, result);
    }
  }

  @Nullable String at(int place) {
    return byPlace.get(place);
  }

  /** Whether the operand on top is an array that was made without elements. */
  boolean endsWithNoElements() {
    return noElements;
  }
}
