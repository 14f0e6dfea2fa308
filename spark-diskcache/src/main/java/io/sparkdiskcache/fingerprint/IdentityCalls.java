// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.ClassFiles.Resolved;
import java.util.Set;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.jspecify.annotations.Nullable;

/**
 * Calls that ask an object for what differs from run to run: Object's own hashCode and toString.
 */
final class IdentityCalls {
  /** Methods that ask their last argument for its text or hash code. */
  private static final Set<String> ASK_IDENTITY =
      Set.of(
          "java/lang/String.valueOf(Ljava/lang/Object;)Ljava/lang/String;",
          "java/lang/StringBuilder.append(Ljava/lang/Object;)Ljava/lang/StringBuilder;",
          "scala/collection/mutable/StringBuilder.append(Ljava/lang/Object;)Lscala/collection/mutable/StringBuilder;",
          "java/util/Objects.toString(Ljava/lang/Object;)Ljava/lang/String;",
          "java/util/Objects.hashCode(Ljava/lang/Object;)I",
          "scala/runtime/Statics.anyHash(Ljava/lang/Object;)I",
          "scala/runtime/ScalaRunTime$.hash(Ljava/lang/Object;)I");

  private final CodeGraph graph;
  private final String at;

  IdentityCalls(CodeGraph graph, String at) {
    this.graph = graph;
    this.at = at;
  }

  /**
   * Looks at one call.
   *
   * @param operand internal name of the type on top of the stack, or null if it is not known
   */
  void call(int opcode, String target, String name, String desc, @Nullable String operand) {
    boolean asks =
        (name.equals("hashCode") && desc.equals("()I"))
            || (name.equals("toString") && desc.equals("()Ljava/lang/String;"));
    if (asks && target.equals("java/lang/Object") && opcode == Opcodes.INVOKESPECIAL) {
      throw identity(name, "java/lang/Object");
    }
    if (asks && opcode != Opcodes.INVOKESTATIC) {
      refuseIdentity(target.equals("java/lang/Object") ? operand : target, name, desc);
    } else if (ASK_IDENTITY.contains(target + "." + name + desc)) {
      shown(operand);
    }
  }

  /**
   * An operand of this type becomes text. Both count, since the callee may ask for either.
   *
   * @param type its internal name, or null if it is not known
   */
  void shown(@Nullable String type) {
    refuseIdentity(type, "toString", "()Ljava/lang/String;");
  }

  private void refuseIdentity(@Nullable String type, String name, String desc) {
    if (type == null) {
      return;
    }
    if (type.startsWith("[")) {
      throw identity(name, type);
    }
    if (type.equals("java/lang/Class")) {
      graph.observeNames();
    }
    ClassFiles.Origin origin = graph.files.origin(type);
    if (type.equals("java/lang/Object")
        || origin == ClassFiles.Origin.LIBRARY
        || origin == ClassFiles.Origin.ABSENT) {
      return;
    }
    ClassFile file = graph.files.read(type);
    Resolved declared = graph.files.resolve(type, name, desc);
    if (!file.isAbstract() && declared != null && declared.owner().equals("java/lang/Object")) {
      throw identity(name, type);
    }
  }

  private RefusedException identity(String name, String type) {
    return graph.refuse(
        Refusal.Code.FUNCTION,
        at
            + " calls "
            + name
            + "() of "
            + Type.getObjectType(type).getClassName()
            + ", which does not define it, so the result differs from run to run; define it or"
            + " use the content");
  }
}
