// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.Handle;
import org.apache.xbean.asm9.Label;
import org.apache.xbean.asm9.MethodVisitor;
import org.jspecify.annotations.Nullable;

/** Where an instruction stands in the source, if the compiler kept that; for people only. */
final class SourceLines extends ClassVisitor {
  private final ClassFile.Method method;
  private final int wanted;
  private String file = "";
  private int line;

  private SourceLines(ClassFile.Method method, int wanted) {
    super(ClassFile.API);
    this.method = method;
    this.wanted = wanted;
  }

  /**
   * {@code App.scala:12}, or empty.
   *
   * @param instruction counted from 1
   */
  static String of(ClassFile file, ClassFile.Method method, int instruction) {
    SourceLines lines = new SourceLines(method, instruction);
    file.reader().accept(lines, ClassReader.SKIP_FRAMES);
    return lines.file.isEmpty() || lines.line == 0 ? "" : lines.file + ":" + lines.line;
  }

  @Override
  public void visitSource(@Nullable String source, @Nullable String debug) {
    file = source == null ? "" : source;
  }

  @Override
  public @Nullable MethodVisitor visitMethod(
      int access,
      String name,
      String desc,
      @Nullable String signature,
      String @Nullable [] exceptions) {
    return name.equals(method.name()) && desc.equals(method.desc()) ? new Counting() : null;
  }

  private final class Counting extends MethodVisitor {
    private int count;
    private int now;

    Counting() {
      super(ClassFile.API);
    }

    private void next() {
      count++;
      if (count <= wanted) {
        line = now;
      }
    }

    @Override
    public void visitLineNumber(int number, Label start) {
      now = number;
    }

    @Override
    public void visitInsn(int opcode) {
      next();
    }

    @Override
    public void visitIntInsn(int opcode, int operand) {
      next();
    }

    @Override
    public void visitVarInsn(int opcode, int variable) {
      next();
    }

    @Override
    public void visitTypeInsn(int opcode, String type) {
      next();
    }

    @Override
    public void visitFieldInsn(int opcode, String owner, String name, String desc) {
      next();
    }

    @Override
    public void visitMethodInsn(
        int opcode, String owner, String name, String desc, boolean isInterface) {
      next();
    }

    @Override
    public void visitInvokeDynamicInsn(
        String name, String desc, Handle bootstrap, Object... arguments) {
      next();
    }

    @Override
    public void visitJumpInsn(int opcode, Label label) {
      next();
    }

    @Override
    public void visitLdcInsn(Object value) {
      next();
    }

    @Override
    public void visitIincInsn(int variable, int increment) {
      next();
    }

    @Override
    public void visitTableSwitchInsn(int min, int max, Label otherwise, Label... labels) {
      next();
    }

    @Override
    public void visitLookupSwitchInsn(Label otherwise, int[] keys, Label[] labels) {
      next();
    }

    @Override
    public void visitMultiANewArrayInsn(String desc, int dimensions) {
      next();
    }
  }
}
