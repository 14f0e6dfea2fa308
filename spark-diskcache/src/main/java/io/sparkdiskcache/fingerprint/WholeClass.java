// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Set;
import java.util.TreeSet;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.Type;
import org.apache.xbean.asm9.signature.SignatureReader;
import org.apache.xbean.asm9.signature.SignatureVisitor;
import org.jspecify.annotations.Nullable;

/** A class as reflection sees it. */
final class WholeClass {
  private WholeClass() {}

  /** Everything in the class file but line numbers, local names and the source file. */
  static byte[] digest(ClassFile file) {
    ClassWriter writer = new ClassWriter(0);
    file.reader().accept(writer, ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
    return new CanonicalHasher().putBytes(writer.toByteArray()).digest();
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
