// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.ClassFiles.Resolved;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.jspecify.annotations.Nullable;

/**
 * Whether a member of a library that a function calls reads the clock, draws at random, opens a
 * file or connection, or reads what a setter has set for the whole process: found by following its
 * calls a few steps, where it is clear which method they end in. A library is believed in what lies
 * deeper, behind an interface, or in its initializers.
 */
final class LibrarySinks {
  private static final int MOST_STEPS = 3;

  /** Calls deeper in a constructor, such as seeding a hash table, decide on no result. */
  private static final int MOST_STEPS_OF_CONSTRUCTORS = 1;

  private static final int MOST_METHODS = 300;

  /** By content of the library and member. */
  private static final Map<String, Optional<String>> KNOWN = new ConcurrentHashMap<>();

  private record Step(Resolved method, int depth) {}

  private final ClassFiles files;
  private final Set<String> seen = new HashSet<>();
  private final Deque<Step> steps = new ArrayDeque<>();
  private boolean constructs;
  private @Nullable String sink;

  private LibrarySinks(ClassFiles files) {
    this.files = files;
  }

  /** The member of the JDK that it ends in, and why that is no good; empty if there is none. */
  static Optional<String> find(ClassFiles files, String owner, String name, String desc) {
    return KNOWN.computeIfAbsent(
        files.identity(owner) + " " + owner + "." + name + desc,
        k -> Optional.ofNullable(new LibrarySinks(files).walk(owner, name, desc)));
  }

  private @Nullable String walk(String owner, String name, String desc) {
    constructs = name.equals("<init>");
    add(owner, name, desc, 0);
    while (!steps.isEmpty() && sink == null && seen.size() < MOST_METHODS) {
      follow(steps.remove());
    }
    return sink;
  }

  private void add(String owner, String name, String desc, int depth) {
    if (depth > MOST_STEPS || owner.startsWith("[")) {
      return;
    }
    try {
      if (files.origin(owner) != ClassFiles.Origin.LIBRARY) {
        return;
      }
      Resolved target = files.resolve(owner, name, desc);
      if (target != null
          && !target.method().isAbstract()
          && files.origin(target.owner()) == ClassFiles.Origin.LIBRARY
          && seen.add(target.owner() + "." + name + desc)) {
        steps.add(new Step(target, depth));
      }
    } catch (RefusedException e) {
      // Of a class of the library that is not on the class path, so that it cannot be called.
      seen.add(owner + "." + name + desc);
    }
  }

  private void follow(Step step) {
    ClassFile.Method method = step.method.method();
    files
        .read(step.method.owner())
        .reader()
        .accept(
            new ClassVisitor(ClassFile.API) {
              @Override
              public @Nullable MethodVisitor visitMethod(
                  int access,
                  String name,
                  String desc,
                  @Nullable String signature,
                  String @Nullable [] exceptions) {
                return name.equals(method.name()) && desc.equals(method.desc())
                    ? new Calls(step.depth)
                    : null;
              }
            },
            ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
  }

  private final class Calls extends MethodVisitor {
    private final int depth;

    Calls(int depth) {
      super(ClassFile.API);
      this.depth = depth;
    }

    /** Finds a read of a static that a setter of the library changes for everybody. */
    @Override
    public void visitFieldInsn(int opcode, String owner, String name, String desc) {
      if (opcode != Opcodes.GETSTATIC || files.origin(owner) != ClassFiles.Origin.LIBRARY) {
        return;
      }
      files.read(owner).writers(name).stream()
          .filter(writer -> writer.startsWith("set"))
          .findFirst()
          .ifPresent(
              setter ->
                  sink =
                      owner.replace('/', '.')
                          + "."
                          + name
                          + ", which "
                          + setter
                          + " sets for the whole process");
    }

    @Override
    public void visitMethodInsn(
        int opcode, String owner, String name, String desc, boolean isInterface) {
      String why = ForbiddenCalls.whyOfLibrary(owner, name, desc);
      boolean near = !constructs || depth <= MOST_STEPS_OF_CONSTRUCTORS;
      if (why != null && near) {
        sink = owner.replace('/', '.') + "." + name + ", which " + why;
      } else if (why == null && opcode != Opcodes.INVOKEINTERFACE) {
        add(owner, name, desc, depth + 1);
      }
    }
  }
}
