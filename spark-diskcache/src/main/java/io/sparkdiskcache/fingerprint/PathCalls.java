// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.ClassFiles.Resolved;
import java.util.Arrays;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.jspecify.annotations.Nullable;

/** Finds in one method the calls that read a file whose path is known before the method runs. */
final class PathCalls {
  private final CodeGraph graph;
  private final String at;
  private final String owner;
  private final String method;
  private final String desc;
  private final boolean isLambda;
  private final boolean initializes;
  private final KnownTexts texts = new KnownTexts();

  /** Paths of files that Spark has sent, that nothing has read yet. */
  private int sent;

  PathCalls(CodeGraph graph, Resolved target, String at) {
    this.graph = graph;
    this.at = at;
    this.owner = target.owner();
    this.method = target.method().name();
    this.desc = target.method().desc();
    this.isLambda = target.method().isStatic() && target.method().isSynthetic();
    this.initializes = isOfInitialization();
  }

  void instruction(int opcode) {
    texts.instruction(opcode);
  }

  void jump() {
    texts.jump();
  }

  /** A lambda is made. */
  void lambda() {
    texts.jump();
    noteInitializer(owner);
  }

  void constant(String text, int height) {
    texts.push(height, text);
  }

  /** A local variable is pushed, which may be a parameter that a lambda captured. */
  void load(int variable, int height) {
    String text = isLambda ? graph.reads.captured(owner + "." + method, parameter(variable)) : null;
    if (text != null) {
      texts.push(height, text);
    }
  }

  /** The number of the parameter that is in a local variable of this method, or -1. */
  private int parameter(int variable) {
    int at = 0;
    Type[] parameters = Type.getArgumentTypes(desc);
    for (int i = 0; i < parameters.length; i++) {
      if (at == variable) {
        return i;
      }
      at += parameters[i].getSize();
    }
    return -1;
  }

  private void noteInitializer(String target) {
    if (initializes && graph.files.isApplication(target)) {
      graph.reads.initializerCalls(at);
    }
  }

  /** Whether the method runs once, when a class is loaded or a lazy value is asked for. */
  private boolean isOfInitialization() {
    return method.equals("<clinit>")
        || ClassFile.isDeferredInitializer(method)
        || (method.equals("<init>") && graph.files.read(owner).field("MODULE$") != null);
  }

  /** The first argument of a call that is about to be looked at, if it is a known text. */
  @Nullable String firstText(String called, int height) {
    Type[] arguments = Type.getArgumentTypes(called);
    boolean takesText =
        arguments.length > 0 && arguments[0].getDescriptor().equals("Ljava/lang/String;");
    if (!takesText || height < 0) {
      return null;
    }
    return texts.at(height - Arrays.stream(arguments).mapToInt(Type::getSize).sum());
  }

  /**
   * Whether the call reads a file, or makes a path, that is known before the function runs. Looks
   * at the operands and says which of the texts among them outlive the call.
   */
  boolean call(int opcode, String target, String name, String called, int height) {
    boolean makesModule =
        name.equals("<init>")
            && target.equals(owner)
            && graph.files.isApplication(owner)
            && graph.files.read(owner).field("MODULE$") != null;
    if (!makesModule) { // whose constructor is looked at itself
      noteInitializer(target);
    }
    boolean noMoreParts = texts.endsWithNoElements();
    if (height < 0) {
      texts.jump();
      return false;
    }
    int size = 0;
    Type[] arguments = Type.getArgumentTypes(called);
    for (Type argument : arguments) {
      size += argument.getSize();
    }
    int base = height - size;
    boolean takesReceiver = opcode != Opcodes.INVOKESTATIC;
    boolean ofObject = takesReceiver && size == 0;
    String path = texts.at(ofObject ? base - 1 : base);
    String second = arguments.length > 1 ? texts.at(base + 1) : null;
    String made = path == null ? null : FileReaders.made(target, name, called, path, noMoreParts);
    if (name.equals("<init>")) {
      texts.constructed(base - 1, made);
    } else {
      texts.call(takesReceiver ? base - 1 : base, made);
    }
    if (path == null) {
      return false;
    }
    if (made != null) {
      sent += FileReaders.isSent(made) && !FileReaders.isSent(path) ? 1 : 0;
      return true;
    }
    if (target.equals("java/lang/Class") && name.equals("getResourceAsStream")) {
      graph.reflected.readResource(path);
      return true;
    }
    if (!FileReaders.reads(target, name, called, second)) {
      return false;
    }
    sent -= FileReaders.isSent(path) ? 1 : 0;
    graph.reads.read(path, at);
    if (initializes) {
      graph.reads.initializerCalls(at);
    }
    return true;
  }

  /** The method has no more instructions. */
  void end() {
    if (sent > 0) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          at
              + " uses org.apache.spark.SparkFiles.get for something else than to read the file at"
              + " once; hand its result to Files, FileReader, Scanner or Source.fromFile");
    }
  }
}
