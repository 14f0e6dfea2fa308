// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.xbean.asm9.AnnotationVisitor;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.FieldVisitor;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.RecordComponentVisitor;
import org.apache.xbean.asm9.Type;
import org.apache.xbean.asm9.commons.ClassRemapper;
import org.apache.xbean.asm9.commons.Remapper;
import org.apache.xbean.asm9.signature.SignatureReader;
import org.apache.xbean.asm9.signature.SignatureVisitor;
import org.jspecify.annotations.Nullable;

/** A class as reflection sees it. */
final class WholeClass {
  private static final Set<String> SCALA_SIGNATURES =
      Set.of("Lscala/reflect/ScalaSignature;", "Lscala/reflect/ScalaLongSignature;");

  private WholeClass() {}

  /**
   * Everything in the class file but line numbers, local names and the source file. Of a class that
   * was typed into a notebook neither the number of its cell, nor Scala's own signature, which
   * repeats in its way what the class file says and has the number in it.
   */
  static byte[] digest(ClassFile file) {
    ClassWriter writer = new ClassWriter(0);
    ClassReader reader = file.reader();
    boolean typed = !StableNames.withoutCell(reader.getClassName()).equals(reader.getClassName());
    reader.accept(
        typed ? withoutSignature(new ClassRemapper(writer, new WithoutCells())) : writer,
        ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
    return new CanonicalHasher().putBytes(writer.toByteArray()).digest();
  }

  private static ClassVisitor withoutSignature(ClassVisitor next) {
    return new ClassVisitor(ClassFile.API, next) {
      @Override
      public @Nullable AnnotationVisitor visitAnnotation(String descriptor, boolean visible) {
        return SCALA_SIGNATURES.contains(descriptor)
            ? null
            : super.visitAnnotation(descriptor, visible);
      }
    };
  }

  /** Other cells' classes are told apart by the graph, which has their code. */
  @SuppressWarnings("deprecation") // by the names that the ASM of earlier Spark versions has
  private static final class WithoutCells extends Remapper {
    @Override
    public String map(String internalName) {
      return StableNames.withoutCell(internalName);
    }

    @Override
    public String mapMethodName(String owner, String name, String descriptor) {
      return StableNames.withoutCell(name);
    }

    @Override
    public String mapInvokeDynamicMethodName(String name, String descriptor) {
      return StableNames.withoutCell(name);
    }

    @Override
    public String mapFieldName(String owner, String name, String descriptor) {
      return StableNames.withoutCell(name);
    }

    @Override
    public String mapInnerClassName(String name, String ownerName, String innerName) {
      return StableNames.withoutCell(super.mapInnerClassName(name, ownerName, innerName));
    }
  }

  /**
   * Every class that its declarations mention: supertypes, types of fields, parameters and results
   * with type arguments, annotations with the classes and names in them, exceptions, permitted
   * subclasses. A codec that is given the class will look at these classes next. The objects around
   * an inner class are not part of it.
   *
   * @param members whether methods may be called by what they are named; else fields alone count
   */
  static Set<String> mentioned(ClassFile file, boolean members) {
    Mentions mentions = new Mentions(file.name(), members);
    file.reader().accept(mentions, ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG);
    return mentions.found;
  }

  /** Whether the data that a codec reads names the classes to make. */
  static boolean namesTypesInData(ClassFile file) {
    Mentions mentions = new Mentions(file.name(), true);
    file.reader().accept(mentions, ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG);
    return mentions.typesInData;
  }

  private static final class Mentions extends ClassVisitor {
    private static final Set<String> BY_NAME = Set.of("CLASS", "MINIMAL_CLASS", "CUSTOM");

    /** The methods that a codec calls without being told to by an annotation. */
    private static final Pattern CALLED =
        Pattern.compile("<init>|(get|is|set|with|build|add|create|of|from|value|apply).*");

    private final String self;
    private final boolean members;
    private final Set<String> found = new TreeSet<>();
    private boolean typesInData;

    Mentions(String self, boolean members) {
      super(ClassFile.API);
      this.members = members;
      this.self = self;
    }

    private void add(@Nullable String name) {
      if (name != null && !self.startsWith(name + "$")) {
        found.add(name);
      }
    }

    private void add(Type type) {
      switch (type.getSort()) {
        case Type.ARRAY -> add(type.getElementType());
        case Type.OBJECT -> add(type.getInternalName());
        case Type.METHOD -> {
          add(type.getReturnType());
          for (Type argument : type.getArgumentTypes()) {
            add(argument);
          }
        }
        default -> {}
      }
    }

    private void addSignature(@Nullable String signature) {
      if (signature == null) {
        return;
      }
      new SignatureReader(signature)
          .accept(
              new SignatureVisitor(ClassFile.API) {
                private String type = "";

                @Override
                public void visitClassType(String name) {
                  type = name;
                  add(name);
                }

                @Override
                public void visitInnerClassType(String name) {
                  type = type + "$" + name;
                  add(type);
                }
              });
    }

    @Override
    public void visit(
        int version,
        int access,
        String name,
        @Nullable String signature,
        @Nullable String superName,
        String @Nullable [] interfaces) {
      add(superName);
      if (interfaces != null) {
        for (String type : interfaces) {
          add(type);
        }
      }
      addSignature(signature);
    }

    @Override
    public void visitPermittedSubclass(String name) {
      add(name);
    }

    @Override
    public @Nullable AnnotationVisitor visitAnnotation(String descriptor, boolean visible) {
      return annotation(descriptor);
    }

    @Override
    public RecordComponentVisitor visitRecordComponent(
        String name, String descriptor, @Nullable String signature) {
      add(Type.getType(descriptor));
      addSignature(signature);
      return new RecordComponentVisitor(ClassFile.API) {
        @Override
        public @Nullable AnnotationVisitor visitAnnotation(String annotation, boolean visible) {
          return annotation(annotation);
        }
      };
    }

    @Override
    public @Nullable FieldVisitor visitField(
        int access,
        String name,
        String descriptor,
        @Nullable String signature,
        @Nullable Object value) {
      if ((access & Opcodes.ACC_SYNTHETIC) != 0 || WholeGraphChecks.isOuter(name)) {
        return null;
      }
      add(Type.getType(descriptor));
      addSignature(signature);
      return new FieldVisitor(ClassFile.API) {
        @Override
        public @Nullable AnnotationVisitor visitAnnotation(String annotation, boolean visible) {
          return annotation(annotation);
        }
      };
    }

    @Override
    public @Nullable MethodVisitor visitMethod(
        int access,
        String name,
        String descriptor,
        @Nullable String signature,
        String @Nullable [] exceptions) {
      if (!members || (access & Opcodes.ACC_SYNTHETIC) != 0) {
        return null;
      }
      Runnable types =
          () -> {
            add(Type.getMethodType(descriptor));
            addSignature(signature);
          };
      if (CALLED.matcher(name).matches() || descriptor.startsWith("()")) {
        types.run();
      }
      return new MethodVisitor(ClassFile.API) {
        @Override
        public @Nullable AnnotationVisitor visitAnnotation(String annotation, boolean visible) {
          types.run();
          return annotation(annotation);
        }

        @Override
        public @Nullable AnnotationVisitor visitParameterAnnotation(
            int parameter, String annotation, boolean visible) {
          types.run();
          return annotation(annotation);
        }

        @Override
        public @Nullable AnnotationVisitor visitAnnotationDefault() {
          return annotation("Ljava/lang/Object;");
        }
      };
    }

    private @Nullable AnnotationVisitor annotation(String descriptor) {
      if (!members) {
        return null;
      }
      add(Type.getType(descriptor));
      return new AnnotationVisitor(ClassFile.API) {
        @Override
        public void visit(@Nullable String name, Object value) {
          if (value instanceof Type type) {
            add(type);
          } else if (value instanceof String text && text.indexOf('.') > 0) {
            add(text.replace('.', '/'));
          }
        }

        @Override
        public void visitEnum(@Nullable String name, String type, String value) {
          typesInData |= type.endsWith("JsonTypeInfo$Id;") && BY_NAME.contains(value);
        }

        @Override
        public @Nullable AnnotationVisitor visitAnnotation(@Nullable String name, String nested) {
          return annotation(nested);
        }

        @Override
        public @Nullable AnnotationVisitor visitArray(@Nullable String name) {
          return this;
        }
      };
    }
  }
}
