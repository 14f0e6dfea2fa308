// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Set;
import java.util.TreeSet;
import org.apache.xbean.asm9.AnnotationVisitor;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.ClassWriter;
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
   * Superclass, interfaces, and the types of fields, with type arguments: what a codec that is
   * given the class will look at next. The object around an inner class is not part of it.
   */
  static Set<String> mentioned(ClassFile file) {
    Set<String> found = new TreeSet<>();
    if (file.superName() != null) {
      found.add(file.superName());
    }
    found.addAll(file.interfaces());
    addSignature(file.signature(), found);
    for (ClassFile.Field field : file.fields()) {
      if (field.isSynthetic() || WholeGraphChecks.isOuter(field.name())) {
        continue;
      }
      Type type = Type.getType(field.desc());
      if (type.getSort() == Type.ARRAY) {
        type = type.getElementType();
      }
      if (type.getSort() == Type.OBJECT) {
        found.add(type.getInternalName());
      }
      addSignature(field.signature(), found);
    }
    return found;
  }

  private static void addSignature(@Nullable String signature, Set<String> found) {
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
                found.add(name);
              }

              @Override
              public void visitInnerClassType(String name) {
                type = type + "$" + name;
                found.add(type);
              }
            });
  }
}
