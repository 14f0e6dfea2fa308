// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.FieldVisitor;
import org.apache.xbean.asm9.Label;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.jspecify.annotations.Nullable;

/** The declarations of one class file. Immutable but for a memo; kept for as long as its loader. */
final class ClassFile {
  static final int API = Opcodes.ASM9;

  record Field(String name, String desc, int access, @Nullable String signature) {
    boolean isStatic() {
      return (access & Opcodes.ACC_STATIC) != 0;
    }

    boolean isFinal() {
      return (access & Opcodes.ACC_FINAL) != 0;
    }

    boolean isPrivate() {
      return (access & Opcodes.ACC_PRIVATE) != 0;
    }

    boolean isTransient() {
      return (access & Opcodes.ACC_TRANSIENT) != 0;
    }

    boolean isSynthetic() {
      return (access & Opcodes.ACC_SYNTHETIC) != 0;
    }
  }

  record Method(String name, String desc, int access) {
    boolean isStatic() {
      return (access & Opcodes.ACC_STATIC) != 0;
    }

    boolean isPrivate() {
      return (access & Opcodes.ACC_PRIVATE) != 0;
    }

    boolean isAbstract() {
      return (access & Opcodes.ACC_ABSTRACT) != 0;
    }

    boolean isSynthetic() {
      return (access & Opcodes.ACC_SYNTHETIC) != 0;
    }

    String key() {
      return name + desc;
    }
  }

  private final byte[] bytes;
  private final ClassReader reader;
  private final List<Field> fields = new ArrayList<>();
  private final List<Method> methods = new ArrayList<>();
  private final Map<String, Method> methodsByKey = new HashMap<>();
  private final Set<String> nest = new TreeSet<>();
  private @Nullable String signature;
  private volatile @Nullable Map<String, Set<String>> writers;

  /** Throws IllegalArgumentException for a class file newer than this ASM. */
  ClassFile(byte[] bytes) {
    this.bytes = bytes;
    reader = new ClassReader(bytes);
    reader.accept(
        new ClassVisitor(API) {
          @Override
          public void visit(
              int version,
              int access,
              String name,
              @Nullable String sig,
              @Nullable String superName,
              String @Nullable [] interfaces) {
            signature = sig;
          }

          @Override
          public void visitNestHost(String host) {
            nest.add(host);
          }

          @Override
          public void visitNestMember(String member) {
            nest.add(member);
          }

          @Override
          public @Nullable FieldVisitor visitField(
              int access, String name, String desc, @Nullable String sig, @Nullable Object value) {
            fields.add(new Field(name, desc, access, sig));
            return null;
          }

          @Override
          public @Nullable MethodVisitor visitMethod(
              int access,
              String name,
              String desc,
              @Nullable String sig,
              String @Nullable [] exceptions) {
            Method method = new Method(name, desc, access);
            methods.add(method);
            methodsByKey.put(method.key(), method);
            return null;
          }
        },
        ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG);
  }

  ClassReader reader() {
    return reader;
  }

  /** Owned by this, and not to be changed. */
  byte[] bytes() {
    return bytes;
  }

  String name() {
    return reader.getClassName();
  }

  int access() {
    return reader.getAccess();
  }

  boolean isInterface() {
    return (access() & Opcodes.ACC_INTERFACE) != 0;
  }

  boolean isAbstract() {
    return (access() & Opcodes.ACC_ABSTRACT) != 0;
  }

  boolean isEnum() {
    return (access() & Opcodes.ACC_ENUM) != 0;
  }

  /** Null for java.lang.Object only. */
  @Nullable String superName() {
    return reader.getSuperName();
  }

  List<String> interfaces() {
    return List.of(reader.getInterfaces());
  }

  @Nullable String signature() {
    return signature;
  }

  /** In the order of the file. */
  List<Field> fields() {
    return fields;
  }

  /** In the order of the file. */
  List<Method> methods() {
    return methods;
  }

  @Nullable Method method(String name, String desc) {
    return methodsByKey.get(name + desc);
  }

  @Nullable Field field(String name) {
    for (Field field : fields) {
      if (field.name().equals(name)) {
        return field;
      }
    }
    return null;
  }

  /** Names of local variables and parameters, which the JVM says in messages, in order. */
  List<String> localNames() {
    List<String> found = new ArrayList<>();
    reader.accept(
        new ClassVisitor(API) {
          @Override
          public MethodVisitor visitMethod(
              int access,
              String name,
              String desc,
              @Nullable String sig,
              String @Nullable [] exceptions) {
            found.add(name + desc);
            return new MethodVisitor(API) {
              @Override
              public void visitLocalVariable(
                  String variable,
                  String type,
                  @Nullable String signature,
                  Label start,
                  Label end,
                  int index) {
                found.add(variable + " " + index);
              }
            };
          }
        },
        ClassReader.SKIP_FRAMES);
    return found;
  }

  /** Whether a text stands in the file: a name that it does not hold is used nowhere in it. */
  boolean mentions(String text) {
    byte[] wanted = text.getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i + wanted.length <= bytes.length; i++) {
      if (bytes[i] == wanted[0]
          && Arrays.equals(bytes, i, i + wanted.length, wanted, 0, wanted.length)) {
        return true;
      }
    }
    return false;
  }

  /** The name that a parameter has in the source, where the compiler kept it. */
  Optional<String> parameterName(String method, String desc, int parameter) {
    Type[] types = Type.getArgumentTypes(desc);
    Method declared = method(method, desc);
    if (declared == null || parameter >= types.length) {
      return Optional.empty();
    }
    int slot = declared.isStatic() ? 0 : 1;
    for (int i = 0; i < parameter; i++) {
      slot += types[i].getSize();
    }
    int wanted = slot;
    String[] found = new String[1];
    reader.accept(
        new ClassVisitor(API) {
          @Override
          public @Nullable MethodVisitor visitMethod(
              int access,
              String name,
              String descriptor,
              @Nullable String sig,
              String @Nullable [] exceptions) {
            if (!name.equals(method) || !descriptor.equals(desc)) {
              return null;
            }
            return new MethodVisitor(API) {
              @Override
              public void visitLocalVariable(
                  String variable,
                  String type,
                  @Nullable String signature,
                  Label start,
                  Label end,
                  int index) {
                if (index == wanted) {
                  found[0] = variable;
                }
              }
            };
          }
        },
        ClassReader.SKIP_FRAMES);
    return Optional.ofNullable(found[0]).map(name -> name.replaceFirst("\\$\\d+$", ""));
  }

  /** The host of its nest, or if it is the host the members: these may use what is private. */
  Set<String> nest() {
    return nest;
  }

  /** The names of this class's own methods that assign one of its own fields. */
  Set<String> writers(String field) {
    return writers(name(), field);
  }

  /** The names of this class's own methods that assign a field of a class. */
  Set<String> writers(String owner, String field) {
    Map<String, Set<String>> found = writers;
    if (found == null) {
      found = findWriters();
      writers = found;
    }
    return found.getOrDefault(owner + "." + field, Set.of());
  }

  private Map<String, Set<String>> findWriters() {
    Map<String, Set<String>> found = new HashMap<>();
    reader.accept(
        new ClassVisitor(API) {
          @Override
          public MethodVisitor visitMethod(
              int access,
              String method,
              String desc,
              @Nullable String sig,
              String @Nullable [] exceptions) {
            return new MethodVisitor(API) {
              @Override
              public void visitFieldInsn(int op, String owner, String name, String desc) {
                if (op == Opcodes.PUTFIELD || op == Opcodes.PUTSTATIC) {
                  found.computeIfAbsent(owner + "." + name, k -> new TreeSet<>()).add(method);
                }
              }
            };
          }
        },
        ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
    return found;
  }

  /** True for what only a constructor, a lazy val or the initializer of a trait may assign. */
  static boolean isInitializer(String method) {
    return method.equals("<init>") || method.equals("<clinit>") || isDeferredInitializer(method);
  }

  /**
   * Scala: {@code x$lzycompute} computes a lazy val, {@code T$_setter_$x_$eq} sets a trait's val.
   */
  static boolean isDeferredInitializer(String method) {
    return isLazyInitializer(method) || method.contains("$_setter_$");
  }

  static boolean isLazyInitializer(String method) {
    return method.endsWith("$lzycompute");
  }
}
