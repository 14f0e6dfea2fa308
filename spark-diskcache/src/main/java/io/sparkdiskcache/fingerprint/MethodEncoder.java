// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.ClassFiles.Resolved;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.ConstantDynamic;
import org.apache.xbean.asm9.Handle;
import org.apache.xbean.asm9.Label;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.apache.xbean.asm9.commons.AnalyzerAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Feeds one method body to a digest: opcodes, operands, constants, jump targets numbered by first
 * use, handlers, bootstrap recipes; not line numbers, local names or frames. The body's references
 * are handed to the {@link CodeGraph}.
 *
 * <p>Extends {@link AnalyzerAdapter} to know the types on the operand stack, which tell whose
 * {@code hashCode} or {@code toString} a call ends up in.
 */
final class MethodEncoder extends AnalyzerAdapter {
  /** These link to a method handle that stands in their arguments, or to none. */
  private static final Set<String> BOOTSTRAPS =
      Set.of(
          "java/lang/invoke/LambdaMetafactory.metafactory",
          "java/lang/invoke/LambdaMetafactory.altMetafactory",
          "java/lang/invoke/StringConcatFactory.makeConcat",
          "java/lang/invoke/StringConcatFactory.makeConcatWithConstants",
          "java/lang/runtime/ObjectMethods.bootstrap",
          "java/lang/runtime/SwitchBootstraps.typeSwitch",
          "java/lang/runtime/SwitchBootstraps.enumSwitch",
          "scala/runtime/LambdaDeserialize.bootstrap");

  private static final Set<String> OF_THE_MACHINE =
      Set.of(
          "java/lang/StackOverflowError",
          "java/lang/OutOfMemoryError",
          "java/lang/VirtualMachineError");

  private final CodeGraph graph;
  private final CanonicalHasher body;
  private final String owner;
  private final String method;
  private final String at;
  private final Map<Label, Integer> labels = new HashMap<>();

  private final CallRules rules;
  private final IdentityCalls identity;
  private final PathCalls paths;
  private final CaughtExceptions caught;

  /** Instructions so far, to find the line of one. */
  private int instructions;

  /** A class constant on the stack that no instruction has used yet. */
  private @Nullable Type token;

  private MethodEncoder(CodeGraph graph, CanonicalHasher body, Resolved target) {
    super(
        ClassFile.API,
        target.owner(),
        target.method().access(),
        target.method().name(),
        target.method().desc(),
        null);
    this.graph = graph;
    this.body = body;
    this.owner = target.owner();
    this.method = target.method().name();
    this.at = StableNames.label(owner, method);
    this.rules = new CallRules(graph, at);
    this.identity = new IdentityCalls(graph, at);
    this.paths = new PathCalls(graph, target, at);
    this.caught = new CaughtExceptions(graph::observeMessages);
  }

  /** The digest of one method's body; everything it refers to is discovered on the way. */
  static byte[] encode(CodeGraph graph, Resolved target) {
    ClassFile.Method declared = target.method();
    if ((declared.access() & Opcodes.ACC_NATIVE) != 0) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          "the function reaches native method "
              + StableNames.label(target.owner(), declared.name())
              + ", whose code cannot be read; declare it non-deterministic");
    }
    CanonicalHasher body = new CanonicalHasher();
    body.putInt(
        declared.access() & (Opcodes.ACC_STATIC | Opcodes.ACC_SYNCHRONIZED | Opcodes.ACC_ABSTRACT));
    body.putString(StableNames.ofMethod(declared.name()));
    graph.type(body, Type.getMethodType(declared.desc()));
    MethodEncoder[] encoder = new MethodEncoder[1];
    ClassFile file = graph.files.read(target.owner());
    try {
      file.reader()
          .accept(
              new ClassVisitor(ClassFile.API) {
                @Override
                public @Nullable MethodVisitor visitMethod(
                    int access,
                    String name,
                    String desc,
                    @Nullable String signature,
                    String @Nullable [] exceptions) {
                  if (!name.equals(declared.name()) || !desc.equals(declared.desc())) {
                    return null;
                  }
                  encoder[0] = new MethodEncoder(graph, body, target);
                  return encoder[0];
                }
              },
              ClassReader.SKIP_DEBUG | ClassReader.EXPAND_FRAMES);
    } catch (RefusedException e) {
      int instruction = encoder[0] == null ? 0 : encoder[0].instructions;
      throw e.in(SourceLines.of(file, declared, instruction));
    }
    return body.digest();
  }

  private int label(Label label) {
    return labels.computeIfAbsent(label, l -> labels.size());
  }

  private CanonicalHasher op(int opcode) {
    useToken();
    instructions++;
    paths.instruction(opcode);
    caught.instruction(opcode);
    return body.tag('x').putInt(opcode);
  }

  private void useToken() {
    if (token != null) {
      Type used = token;
      token = null;
      graph.reflected.token(used);
    }
  }

  @Override
  public void visitInsn(int opcode) {
    op(opcode);
    rules.instruction(opcode);
    super.visitInsn(opcode);
  }

  @Override
  public void visitIntInsn(int opcode, int operand) {
    op(opcode).putInt(operand);
    super.visitIntInsn(opcode, operand);
  }

  @Override
  public void visitVarInsn(int opcode, int variable) {
    op(opcode).putInt(variable);
    caught.variable(opcode, variable);
    rules.instruction(opcode);
    if (opcode == Opcodes.ALOAD) {
      paths.load(variable, height());
    }
    super.visitVarInsn(opcode, variable);
  }

  @Override
  public void visitIincInsn(int variable, int increment) {
    op(Opcodes.IINC).putInt(variable).putInt(increment);
    rules.instruction(Opcodes.IINC);
    super.visitIincInsn(variable, increment);
  }

  @Override
  public void visitTypeInsn(int opcode, String type) {
    graph.type(op(opcode), Type.getObjectType(type));
    if (opcode == Opcodes.NEW) {
      graph.instantiate(type);
    }
    super.visitTypeInsn(opcode, type);
  }

  /** Whether this method makes the value of a static, once. */
  private boolean makesOnce(String fieldOwner, String field) {
    ClassFile file = graph.files.read(owner);
    ClassFile.Field declared = fieldOwner.equals(owner) ? file.field(field) : null;
    return declared != null
        && StaticFields.maker(graph.files, file, declared).filter(method::equals).isPresent();
  }

  @Override
  public void visitFieldInsn(int opcode, String fieldOwner, String name, String desc) {
    graph.fieldRef(op(opcode), fieldOwner, name, desc);
    rules.instruction(opcode);
    switch (opcode) {
      case Opcodes.GETSTATIC -> {
        if (!graph.files.isApplication(fieldOwner)) {
          graph.readLibraryStatic(fieldOwner, name, at);
        } else if (!initializes(fieldOwner)) {
          graph.readStatic(fieldOwner, name, at);
        }
      }
      case Opcodes.PUTSTATIC -> {
        if (!initializes(fieldOwner) && !makesOnce(fieldOwner, name)) {
          throw graph.refuse(
              Refusal.Code.FUNCTION,
              at
                  + " assigns static field "
                  + StableNames.label(fieldOwner, name)
                  + ", so a row depends on the rows before it; keep such state in local variables");
        }
      }
      case Opcodes.GETFIELD -> graph.readField(fieldOwner, name, desc, at);
      default -> {
        if (!fieldOwner.equals(owner) || !ClassFile.isInitializer(method)) {
          graph.writeField(fieldOwner, name, at);
        }
      }
    }
    super.visitFieldInsn(opcode, fieldOwner, name, desc);
  }

  /** True if this method is the one that gives a class's static fields their only values. */
  private boolean initializes(String fieldOwner) {
    return fieldOwner.equals(owner)
        && (method.equals("<clinit>") || ClassFile.isDeferredInitializer(method));
  }

  @Override
  public void visitMethodInsn(
      int opcode, String target, String name, String desc, boolean isInterface) {
    if (target.equals("java/lang/Class") && name.equals("desiredAssertionStatus")) {
      token = null;
    }
    CanonicalHasher into = op(opcode);
    identity.call(opcode, target, name, desc, onStack(0));
    String first = paths.firstText(desc, height());
    boolean judged = paths.call(opcode, target, name, desc, height());
    if (!target.startsWith("[")) {
      judged |= rules.call(target, name, desc, first, operands());
    }
    graph.methodRef(into, target, name, desc, at, judged);
    if (opcode == Opcodes.INVOKESTATIC) {
      graph.initialize(target);
    }
    super.visitMethodInsn(opcode, target, name, desc, isInterface);
  }

  @Override
  public void visitEnd() {
    paths.end();
    super.visitEnd();
  }

  /** Of the operand stack; negative where no instruction is reached. */
  private int height() {
    List<Object> operands = stack;
    return operands == null ? -1 : operands.size();
  }

  /** The internal name of an operand's type, or null if it is not known. */
  private @Nullable String onStack(int depth) {
    List<Object> operands = stack;
    if (operands == null || operands.size() <= depth) {
      return null;
    }
    return operands.get(operands.size() - 1 - depth) instanceof String name ? name : null;
  }

  /** The types of all operands, the last one first. */
  private List<@Nullable String> operands() {
    List<@Nullable String> types = new ArrayList<>();
    for (int i = 0; stack != null && i < stack.size(); i++) {
      types.add(onStack(i));
    }
    return types;
  }

  @Override
  public void visitInvokeDynamicInsn(
      String name, String desc, Handle bootstrap, Object... arguments) {
    String factory = bootstrap.getOwner() + "." + bootstrap.getName();
    if (!BOOTSTRAPS.contains(factory)) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " links code at run time through "
              + factory.replace('/', '.')
              + ", which cannot be followed; structural types and other dynamic calls need a"
              + " named type");
    }
    op(Opcodes.INVOKEDYNAMIC).putString(factory).putString(StableNames.ofMethod(name));
    Type type = Type.getMethodType(desc);
    graph.type(body, type);
    body.putInt(arguments.length);
    for (Object argument : arguments) {
      constant(argument);
    }
    paths.lambda();
    if (factory.contains("LambdaMetafactory")) {
      rules.lambda(((Type) arguments[2]).getReturnType());
      graph.checks.implementedByLambda(type.getReturnType().getInternalName());
    } else if (factory.contains("StringConcatFactory")) {
      int depth = 0;
      Type[] operands = type.getArgumentTypes();
      for (int i = operands.length - 1; i >= 0; i--) {
        rules.says(operands[i]);
        identity.shown(onStack(depth));
        depth += operands[i].getSize();
      }
    }
    useToken();
    super.visitInvokeDynamicInsn(name, desc, bootstrap, arguments);
  }

  private void constant(Object value) {
    if (value instanceof Integer v) {
      body.tag('i').putInt(v);
    } else if (value instanceof Long v) {
      body.tag('l').putLong(v);
    } else if (value instanceof Float v) {
      body.tag('f').putInt(Float.floatToRawIntBits(v));
    } else if (value instanceof Double v) {
      body.tag('d').putLong(Double.doubleToRawLongBits(v));
    } else if (value instanceof String v) {
      body.tag('s').putString(v);
      rules.text(v);
      graph.reflected.mayName(v);
    } else if (value instanceof Type v) {
      body.tag('t');
      graph.type(body, v);
      useToken();
      token = v.getSort() == Type.METHOD ? null : v;
    } else if (value instanceof Handle v) {
      handle(v);
    } else if (value instanceof ConstantDynamic v) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " has a constant that is computed at link time, "
              + v
              + ", which cannot be followed");
    } else {
      throw graph.refuse(
          Refusal.Code.INTERNAL, at + " has a constant of unknown kind " + value.getClass());
    }
  }

  private void handle(Handle handle) {
    body.tag('h').putInt(handle.getTag());
    switch (handle.getTag()) {
      case Opcodes.H_GETFIELD -> {
        graph.fieldRef(body, handle.getOwner(), handle.getName(), handle.getDesc());
        graph.readField(handle.getOwner(), handle.getName(), handle.getDesc(), at);
      }
      case Opcodes.H_GETSTATIC, Opcodes.H_PUTFIELD, Opcodes.H_PUTSTATIC ->
          throw graph.refuse(
              Refusal.Code.FUNCTION,
              at + " takes a method handle of field " + handle + ", which cannot be followed");
      default -> {
        graph.methodRef(body, handle.getOwner(), handle.getName(), handle.getDesc(), at);
        if (handle.getTag() == Opcodes.H_NEWINVOKESPECIAL) {
          graph.instantiate(handle.getOwner());
        } else if (handle.getTag() == Opcodes.H_INVOKESTATIC) {
          graph.initialize(handle.getOwner());
        }
      }
    }
  }

  @Override
  public void visitLdcInsn(Object value) {
    op(Opcodes.LDC);
    constant(value);
    if (value instanceof String text) {
      paths.constant(text, height());
    }
    super.visitLdcInsn(value);
  }

  @Override
  public void visitJumpInsn(int opcode, Label label) {
    op(opcode).putInt(label(label));
    paths.jump();
    rules.jump(opcode, label);
    super.visitJumpInsn(opcode, label);
  }

  @Override
  public void visitLabel(Label label) {
    body.tag('b').putInt(label(label));
    rules.label(label);
    caught.label(label);
    paths.jump();
    super.visitLabel(label);
  }

  @Override
  public void visitTableSwitchInsn(int min, int max, Label otherwise, Label... targets) {
    op(Opcodes.TABLESWITCH).putInt(min).putInt(max).putInt(label(otherwise));
    body.putInt(targets.length);
    for (Label target : targets) {
      body.putInt(label(target));
    }
    super.visitTableSwitchInsn(min, max, otherwise, targets);
  }

  @Override
  public void visitLookupSwitchInsn(Label otherwise, int[] keys, Label[] targets) {
    op(Opcodes.LOOKUPSWITCH).putInt(label(otherwise)).putInt(keys.length);
    for (int i = 0; i < keys.length; i++) {
      body.putInt(keys[i]).putInt(label(targets[i]));
    }
    super.visitLookupSwitchInsn(otherwise, keys, targets);
  }

  @Override
  public void visitMultiANewArrayInsn(String desc, int dimensions) {
    graph.type(op(Opcodes.MULTIANEWARRAY).putInt(dimensions), Type.getType(desc));
    super.visitMultiANewArrayInsn(desc, dimensions);
  }

  @Override
  public void visitTryCatchBlock(Label start, Label end, Label handler, @Nullable String type) {
    body.tag('c').putInt(label(start)).putInt(label(end)).putInt(label(handler));
    graph.type(body, Type.getObjectType(type == null ? "java/lang/Throwable" : type));
    body.putBoolean(type == null);
    if (OF_THE_MACHINE.contains(type == null ? "" : type)) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " catches "
              + Type.getObjectType(type).getClassName()
              + ", which depends on the memory of the process; check for the case before it"
              + " happens");
    }
    caught.handler(handler, type);
    super.visitTryCatchBlock(start, end, handler, type);
  }
}
