// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.File;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.apache.xbean.asm9.commons.AnalyzerAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Objects of a well-known library in a final static, or in a val of a Scala object: an
 * ObjectMapper, a Gson, a FastDateFormat, a Splitter. Their content follows from the code of the
 * initializer, which is in the hash, if nobody configures them later. So every class that comes
 * from the same jar or directory is looked at: who reads the field calls nothing on such an object
 * but what is called like a reader, and hands it to nobody.
 */
final class LibraryObjects {
  private static final Pattern READER =
      Pattern.compile(
          "(?:read|write|convert|parse|format|is|has|to|as|apply|accept|test|match|find|split|join|on"
              + "|contain|decode|encode|compar|compute|valueTo|treeTo|from|print|valid|evaluat|lookup"
              + "|resolve|trim|collapse|replace|remove(?:From)|retain|index|count|size|length|can"
              + "|hash|normaliz|translat|transform|escape|unescape|strip|detect|equals|isSupport"
              + "|process|predict|score|tokeniz|stem|extract|between|plus|minus|add(?:To)|sum|get"
              + "|map|flatMap|filter|exists|forall|foreach|nonEmpty).*");

  /** Called like readers, and change what they read. */
  private static final Pattern CHANGES =
      Pattern.compile(
          "getAnd.*|getOr(?:Create|Insert|Put).*|computeIf.*|mapTo.*|process.*|readNext.*");

  /** Methods whose result may be a view of the object, by name. */
  private static final Pattern GIVES_PARTS =
      Pattern.compile("(?:get|as|find|filter|lookup|resolve|index|extract|between|apply).*");

  private static final Pattern COLLECTION =
      Pattern.compile(
          "java/util/(?:concurrent/)?\\w*(?:Map|Set|List|Collection|Queue|Deque|Iterator|Entry)");

  private static final int MOST_CLASSES = 5_000;

  /** By class loader's identity and field; the answer cannot change while the classes live. */
  private static final Map<List<Object>, String> KNOWN = new ConcurrentHashMap<>();

  private final ClassFiles files;
  private final String owner;
  private final ClassFile.Field field;
  private final String type;
  private final String maker;

  /** Methods that return the object, by class and name: who calls one reads the field. */
  private final Set<String> givers = new HashSet<>();

  private LibraryObjects(ClassFiles files, String owner, ClassFile.Field field, String maker) {
    this.maker = maker;
    this.files = files;
    this.owner = owner;
    this.field = field;
    this.type = Type.getType(field.desc()).getInternalName();
  }

  /** Whether the field is declared to hold an object of a well-known library. */
  static boolean isDeclared(ClassFiles files, ClassFile.Field field) {
    return field.desc().startsWith("L")
        && files.origin(Type.getType(field.desc()).getInternalName()) == ClassFiles.Origin.LIBRARY;
  }

  /**
   * Refuses a field whose object may be changed after it was made.
   *
   * @param maker the method of the owner that makes the object, besides constructors
   */
  static void check(
      CodeGraph graph, String owner, ClassFile.Field field, String path, String maker) {
    ClassFiles files = graph.files;
    String changed =
        KNOWN.computeIfAbsent(
            List.of(System.identityHashCode(files.loader()), owner, field.name()),
            k -> new LibraryObjects(files, owner, field, maker).change());
    if (!changed.isEmpty()) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          path
              + " is shared by the whole JVM, and "
              + changed
              + "; configure it where it is made, and only use it elsewhere");
    }
  }

  /** The call that may change the object, or empty. */
  private String change() {
    Set<String> classes = neighbours();
    if (classes.size() > MOST_CLASSES) {
      return "more than " + MOST_CLASSES + " classes beside it may change it";
    }
    int known;
    do {
      known = givers.size();
      for (String name : classes) {
        String changed = change(name);
        if (!changed.isEmpty()) {
          return changed;
        }
      }
    } while (givers.size() > known);
    return "";
  }

  /** The classes of the jar or directory; of a shell those that share the outermost class. */
  private Set<String> neighbours() {
    Set<String> names = new LinkedHashSet<>();
    names.add(owner);
    String jar = files.jar(owner);
    if (jar != null) {
      for (String entry : JarIdentity.classes(jar).keySet()) {
        names.add(entry.substring(0, entry.length() - ".class".length()));
      }
    } else {
      String root = files.directory(owner);
      if (root != null) {
        collect(new File(root), "", names);
      }
    }
    return names;
  }

  private static void collect(File directory, String prefix, Set<String> names) {
    File[] children = directory.listFiles();
    if (children == null || names.size() > MOST_CLASSES) {
      return;
    }
    for (File child : children) {
      if (child.isDirectory()) {
        collect(child, prefix + child.getName() + "/", names);
      } else if (child.getName().endsWith(".class")) {
        names.add(prefix + child.getName().replaceFirst("\\.class$", ""));
      }
    }
  }

  private String change(String name) {
    if (!files.isApplication(name)) {
      return "";
    }
    ClassFile file = files.read(name);
    boolean mentions =
        file.mentions(field.name())
            || givers.stream().anyMatch(of -> file.mentions(of.substring(of.indexOf('.') + 1)));
    if (!mentions) {
      return "";
    }
    String[] found = {""};
    files
        .read(name)
        .reader()
        .accept(
            new ClassVisitor(ClassFile.API) {
              @Override
              public @Nullable MethodVisitor visitMethod(
                  int access,
                  String method,
                  String desc,
                  @Nullable String signature,
                  String @Nullable [] exceptions) {
                boolean makes =
                    name.equals(owner) && (method.equals(maker) || method.equals("<init>"));
                if (makes && Type.getReturnType(desc).getInternalName().equals(type)) {
                  givers.add(name + "." + method);
                }
                return makes ? null : new Uses(name, access, method, desc, found);
              }
            },
            ClassReader.SKIP_DEBUG | ClassReader.EXPAND_FRAMES);
    return found[0];
  }

  /** One method: what it does with objects of the type, if it reads the field. */
  private final class Uses extends AnalyzerAdapter {
    private final String name;
    private final String method;
    private final String[] found;
    private boolean reads;
    private boolean gives;
    private String changes = "";

    Uses(String name, int access, String method, String desc, String[] found) {
      super(ClassFile.API, name, access, method, desc, null);
      this.name = name;
      this.method = method;
      this.found = found;
    }

    @Override
    public void visitFieldInsn(int opcode, String holder, String called, String desc) {
      reads |= called.equals(field.name()) && holder.equals(owner);
      if ((opcode == Opcodes.PUTFIELD || opcode == Opcodes.PUTSTATIC) && isOne(0)) {
        changes = StableNames.label(name, method) + " stores it elsewhere";
      }
      super.visitFieldInsn(opcode, holder, called, desc);
    }

    @Override
    public void visitMethodInsn(
        int opcode, String target, String called, String desc, boolean isInterface) {
      reads |=
          (called.equals(field.name()) && target.equals(owner) && desc.startsWith("()"))
              || givers.contains(target + "." + called);
      int arguments = Type.getArgumentTypes(desc).length;
      if (opcode != Opcodes.INVOKESTATIC
          && !called.equals("<init>")
          && isSubtype(type, target)
          && !target.equals("java/lang/Object")
          && !isReader(called, desc)) {
        changes =
            StableNames.label(name, method)
                + " calls "
                + called
                + " of "
                + type.replace('/', '.')
                + ", which may change it";
      }
      for (int i = 0; i < arguments; i++) {
        if (isOne(i)) {
          changes = StableNames.label(name, method) + " hands it to " + called;
        }
      }
      super.visitMethodInsn(opcode, target, called, desc, isInterface);
    }

    @Override
    public void visitInsn(int opcode) {
      gives |= opcode == Opcodes.ARETURN && isOne(0);
      super.visitInsn(opcode);
    }

    /** The result of a reader must not be a part of the object that can be changed. */
    private boolean isReader(String called, String desc) {
      Type result = Type.getReturnType(desc);
      boolean part = GIVES_PARTS.matcher(called).matches() && isChangeable(result);
      return READER.matcher(called).matches() && !CHANGES.matcher(called).matches() && !part;
    }

    private boolean isChangeable(Type result) {
      if (result.getSort() == Type.ARRAY) {
        return true;
      }
      return result.getSort() == Type.OBJECT
          && (COLLECTION.matcher(result.getInternalName()).matches()
              || files.origin(result.getInternalName()) == ClassFiles.Origin.LIBRARY);
    }

    private boolean isOne(int depth) {
      List<Object> operands = stack;
      return operands != null
          && operands.size() > depth
          && type.equals(operands.get(operands.size() - 1 - depth));
    }

    @Override
    public void visitEnd() {
      if (reads && !changes.isEmpty()) {
        found[0] = changes;
      }
      if (reads && gives) {
        givers.add(name + "." + method);
      }
      super.visitEnd();
    }
  }

  private boolean isSubtype(String name, String ancestor) {
    try {
      return !ancestor.startsWith("[") && files.isSubtype(name, ancestor);
    } catch (RefusedException e) {
      return true; // its supertypes are not all there, so anything may be one
    }
  }
}
