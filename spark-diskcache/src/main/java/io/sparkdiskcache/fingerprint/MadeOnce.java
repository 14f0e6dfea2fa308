// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.tree.AbstractInsnNode;
import org.apache.xbean.asm9.tree.ClassNode;
import org.apache.xbean.asm9.tree.FieldInsnNode;
import org.apache.xbean.asm9.tree.InsnList;
import org.apache.xbean.asm9.tree.JumpInsnNode;
import org.apache.xbean.asm9.tree.LabelNode;
import org.apache.xbean.asm9.tree.LookupSwitchInsnNode;
import org.apache.xbean.asm9.tree.MethodNode;
import org.apache.xbean.asm9.tree.TableSwitchInsnNode;
import org.apache.xbean.asm9.tree.TryCatchBlockNode;
import org.apache.xbean.asm9.tree.VarInsnNode;
import org.jspecify.annotations.Nullable;

/**
 * Private statics that one method makes when it is first asked for them, with or without a lock: a
 * singleton under a double check. Such a method takes nothing and assigns the field only where it
 * has just found it null, so the value follows from code, whoever asks first.
 */
final class MadeOnce {
  private final String owner;
  private final String field;
  private final InsnList code;
  private final List<TryCatchBlockNode> handlers;

  private MadeOnce(String owner, String field, MethodNode method) {
    this.owner = owner;
    this.field = field;
    this.code = method.instructions;
    this.handlers = method.tryCatchBlocks;
  }

  /** The method that makes the value of a static which no other class can assign. */
  static Optional<String> maker(ClassFile file, ClassFile.Field field) {
    List<String> makers =
        file.writers(field.name()).stream().filter(method -> !method.equals("<clinit>")).toList();
    if (makers.size() != 1 || !field.isStatic() || !field.isPrivate()) {
      return Optional.empty();
    }
    ClassNode parsed = new ClassNode(ClassFile.API);
    file.reader().accept(parsed, ClassReader.SKIP_DEBUG);
    boolean found = false;
    for (MethodNode method : parsed.methods) {
      if (method.name.equals(makers.get(0))) {
        MadeOnce made = new MadeOnce(file.name(), field.name(), method);
        boolean isStatic = (method.access & Opcodes.ACC_STATIC) != 0;
        if (found || !isStatic || !method.desc.startsWith("()") || !made.isGuarded()) {
          return Optional.empty(); // overloads would have to be told apart
        }
        found = true;
      }
    }
    return found ? Optional.of(makers.get(0)) : Optional.empty();
  }

  private boolean isGuarded() {
    for (AbstractInsnNode at : code) {
      if (at.getOpcode() == Opcodes.PUTSTATIC && isField(at) && !isGuarded(at)) {
        return false;
      }
    }
    return true;
  }

  private boolean isField(AbstractInsnNode at) {
    return at instanceof FieldInsnNode access
        && access.owner.equals(owner)
        && access.name.equals(field);
  }

  /** Whether some test for null is passed on every way to an assignment. */
  private boolean isGuarded(AbstractInsnNode put) {
    int end = code.indexOf(put);
    for (int i = 0; i < end; i++) {
      if (code.get(i) instanceof JumpInsnNode jump && testsField(jump)) {
        int target = code.indexOf(jump.label);
        if (jump.getOpcode() == Opcodes.IFNONNULL && target > end && isEnteredAt(i, end, null)) {
          return true;
        }
        if (jump.getOpcode() == Opcodes.IFNULL
            && target > i
            && target < end
            && endsBefore(jump.label)
            && isEnteredAt(target - 1, end, jump)) {
          return true;
        }
      }
    }
    return false;
  }

  /** Whether the operand of a jump was just read from the field, with no way in between. */
  private boolean testsField(JumpInsnNode jump) {
    AbstractInsnNode read = justBefore(jump);
    if (read instanceof VarInsnNode load && load.getOpcode() == Opcodes.ALOAD) {
      AbstractInsnNode store = justBefore(load);
      boolean stores =
          store instanceof VarInsnNode variable
              && variable.getOpcode() == Opcodes.ASTORE
              && variable.var == load.var;
      read = stores ? justBefore(Objects.requireNonNull(store)) : null;
    } else if (read instanceof VarInsnNode store && store.getOpcode() == Opcodes.ASTORE) {
      AbstractInsnNode copy = justBefore(store);
      read = copy != null && copy.getOpcode() == Opcodes.DUP ? justBefore(copy) : null;
    }
    return read != null && read.getOpcode() == Opcodes.GETSTATIC && isField(read);
  }

  private static @Nullable AbstractInsnNode justBefore(AbstractInsnNode at) {
    AbstractInsnNode previous = at.getPrevious();
    return previous instanceof LabelNode ? null : previous;
  }

  /** Whether what stands in front of a label does not run into it. */
  private boolean endsBefore(LabelNode label) {
    AbstractInsnNode last = before(label);
    return last != null
        && ((last.getOpcode() >= Opcodes.IRETURN && last.getOpcode() <= Opcodes.RETURN)
            || last.getOpcode() == Opcodes.ATHROW
            || last.getOpcode() == Opcodes.GOTO);
  }

  /**
   * Whether nothing outside jumps behind {@code from} and not behind {@code to}.
   *
   * @param but the one jump that may
   */
  private boolean isEnteredAt(int from, int to, @Nullable JumpInsnNode but) {
    for (AbstractInsnNode at : code) {
      int here = code.indexOf(at);
      boolean inside = here > from && here <= to;
      if (!inside && at != but && targets(at).stream().anyMatch(l -> isIn(l, from, to))) {
        return false;
      }
    }
    return handlers.stream()
        .noneMatch(
            handler ->
                isIn(handler.handler, from, to)
                    && !(isIn(handler.start, from, to) && isIn(handler.end, from, to)));
  }

  private boolean isIn(LabelNode label, int from, int to) {
    int at = code.indexOf(label);
    return at > from && at <= to;
  }

  private static Set<LabelNode> targets(AbstractInsnNode at) {
    Set<LabelNode> targets = new HashSet<>();
    if (at instanceof JumpInsnNode jump) {
      targets.add(jump.label);
    } else if (at instanceof TableSwitchInsnNode table) {
      targets.addAll(table.labels);
      targets.add(table.dflt);
    } else if (at instanceof LookupSwitchInsnNode lookup) {
      targets.addAll(lookup.labels);
      targets.add(lookup.dflt);
    }
    return targets;
  }

  /** The instruction in front, labels and frames left out. */
  private static @Nullable AbstractInsnNode before(AbstractInsnNode at) {
    AbstractInsnNode previous = at.getPrevious();
    while (previous != null && previous.getOpcode() < 0) {
      previous = previous.getPrevious();
    }
    return previous;
  }
}
