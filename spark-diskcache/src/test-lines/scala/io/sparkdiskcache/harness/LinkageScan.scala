// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import scala.collection.mutable
import scala.jdk.CollectionConverters._

import org.apache.xbean.asm9.{ConstantDynamic, Handle, Opcodes, Type}
import org.apache.xbean.asm9.Opcodes._
import org.apache.xbean.asm9.tree._

/**
 * Whether every class, method and field that the classes of a jar name exists, can be seen from
 * there, and is of the kind that the reference expects, as the JVM would find out on first use.
 */
final class LinkageScan(graph: ClassGraph) {
  private val findings = mutable.TreeMap.empty[String, mutable.TreeSet[String]]
  private val followed = mutable.HashSet.empty[String]

  /** One line for each broken reference, with the classes that have it. */
  def broken(): Seq[String] = {
    graph.own.foreach(scan)
    findings.map { case (what, users) => s"$what\t${users.mkString(",")}" }.toSeq
  }

  /** How many different references outside were followed. */
  def references: Int = followed.size

  private def report(kind: String, what: String, user: String): Unit = {
    findings.getOrElseUpdate(s"$kind\t${what.replace('/', '.')}", mutable.TreeSet.empty) += user.replace('/', '.')
    ()
  }

  private def scan(name: String): Unit = {
    val node = graph.whole(name)
    Option(node.superName).foreach(followClass(_, name))
    node.interfaces.forEach(one => followClass(one, name))
    Option(node.recordComponents).foreach(_.forEach(c => descriptor(c.descriptor, name)))
    node.fields.forEach(f => descriptor(f.desc, name))
    node.methods.forEach { m =>
      descriptor(m.desc, name)
      m.exceptions.forEach(one => followClass(one, name))
      m.tryCatchBlocks.forEach(block => Option(block.`type`).foreach(followClass(_, name)))
      m.instructions.forEach(instruction => follow(instruction, name))
      finals(node, m)
    }
    if ((node.access & (ACC_ABSTRACT | ACC_INTERFACE)) == 0) bodies(node)
  }

  private def follow(instruction: AbstractInsnNode, user: String): Unit = instruction match {
    case call: MethodInsnNode =>
      method(call.owner, call.name, call.desc, call.getOpcode == INVOKESTATIC, call.itf, user)
    case access: FieldInsnNode =>
      val static = access.getOpcode == GETSTATIC || access.getOpcode == PUTSTATIC
      field(access.owner, access.name, access.desc, static, user)
    case named: TypeInsnNode => followClass(named.desc, user)
    case array: MultiANewArrayInsnNode => descriptor(array.desc, user)
    case constant: LdcInsnNode => value(constant.cst, user)
    case dynamic: InvokeDynamicInsnNode =>
      descriptor(dynamic.desc, user)
      handle(dynamic.bsm, user)
      dynamic.bsmArgs.foreach(value(_, user))
      if (dynamic.bsm.getOwner == "java/lang/invoke/LambdaMetafactory") lambda(dynamic, user)
    case _ =>
  }

  private def lambda(dynamic: InvokeDynamicInsnNode, user: String): Unit = {
    val interface = Type.getReturnType(dynamic.desc).getInternalName
    val desc = dynamic.bsmArgs(0).asInstanceOf[Type].getDescriptor
    if (isComplete(interface) && graph.method(interface, dynamic.name, desc).isEmpty) {
      report("lambda", s"$interface.${dynamic.name}$desc", user)
    }
  }

  private def value(constant: Any, user: String): Unit = constant match {
    case t: Type => descriptor(t.getDescriptor, user)
    case h: Handle => handle(h, user)
    case d: ConstantDynamic =>
      handle(d.getBootstrapMethod, user)
      (0 until d.getBootstrapMethodArgumentCount).foreach(i => value(d.getBootstrapMethodArgument(i), user))
    case _ =>
  }

  private def handle(h: Handle, user: String): Unit =
    if (h.getTag <= H_PUTSTATIC) {
      field(h.getOwner, h.getName, h.getDesc, h.getTag == H_GETSTATIC || h.getTag == H_PUTSTATIC, user)
    } else {
      method(h.getOwner, h.getName, h.getDesc, h.getTag == H_INVOKESTATIC, h.isInterface, user)
    }

  private def descriptor(desc: String, user: String): Unit = {
    val types =
      if (desc.startsWith("(")) Type.getArgumentTypes(desc).toSeq :+ Type.getReturnType(desc)
      else Seq(Type.getType(desc))
    types.map(t => if (t.getSort == Type.ARRAY) t.getElementType else t)
      .filter(_.getSort == Type.OBJECT)
      .foreach(t => followClass(t.getInternalName, user))
  }

  /** A class by its name or, of an array, its descriptor. */
  private def followClass(named: String, user: String): Unit =
    if (named.startsWith("[")) {
      descriptor(named, user)
    } else {
      if (!graph.isOwn(named)) followed += named
      graph.find(named) match {
        case None => report("class", named, user)
        case Some(node) =>
          val hidden = (node.access & ACC_PUBLIC) == 0 && !samePackage(named, user)
          if (hidden && !graph.isOwn(named) && !isJdk(named)) report("access", s"class $named", user)
      }
    }

  private def method(owner: String, name: String, desc: String, static: Boolean, interface: Boolean, user: String): Unit =
    if (!owner.startsWith("[")) {
      descriptor(desc, user)
      followClass(owner, user)
      val ref = s"$owner.$name$desc"
      if (!graph.isOwn(owner)) followed += ref
      (graph.find(owner), graph.method(owner, name, desc)) match {
        case (None, _) => // is reported
        case (Some(_), None) => if (isComplete(owner)) report("method", ref, user)
        case (Some(node), Some((in, m))) =>
          if (((m.access & ACC_STATIC) != 0) != static) report("static", ref, user)
          if (((node.access & ACC_INTERFACE) != 0) != interface) report("interface", ref, user)
          access(in, m.access, ref, user)
      }
    }

  private def field(owner: String, name: String, desc: String, static: Boolean, user: String): Unit = {
    descriptor(desc, user)
    followClass(owner, user)
    val ref = s"$owner.$name:$desc"
    if (!graph.isOwn(owner)) followed += ref
    (graph.find(owner), graph.field(owner, name, desc)) match {
      case (None, _) => // is reported
      case (Some(_), None) => if (isComplete(owner)) report("field", ref, user)
      case (Some(_), Some((in, f))) =>
        if (((f.access & ACC_STATIC) != 0) != static) report("static", ref, user)
        access(in, f.access, ref, user)
    }
  }

  private def access(in: ClassNode, flags: Int, ref: String, user: String): Unit =
    if (!graph.isOwn(in.name) && !isJdk(in.name) && (flags & ACC_PUBLIC) == 0) {
      if ((flags & ACC_PRIVATE) != 0) report("access", s"private $ref", user)
      else if (!samePackage(in.name, user) && (flags & ACC_PROTECTED) == 0) report("access", s"package-private $ref", user)
      else if (!samePackage(in.name, user) && !inherits(user, in.name)) report("access", s"protected $ref", user)
    }

  /** Whether a class, or one that it is nested in, extends another. */
  private def inherits(name: String, parent: String): Boolean =
    graph.ancestry(name).flatten.exists(_.name == parent) ||
      (name.contains('$') && inherits(name.substring(0, name.lastIndexOf('$')), parent))

  /** A method that the superclass has made final. */
  private def finals(node: ClassNode, m: MethodNode): Unit =
    if (!m.name.startsWith("<") && (m.access & (ACC_STATIC | ACC_PRIVATE)) == 0) {
      for {
        parent <- graph.ancestry(node.name).flatten.drop(1)
        over <- parent.methods.asScala
        if over.name == m.name && over.desc == m.desc && (over.access & ACC_FINAL) != 0
        if (over.access & (ACC_STATIC | ACC_PRIVATE)) == 0
      } report("final", s"${parent.name}.${m.name}${m.desc}", node.name)
    }

  /** Abstract methods of classes outside that have no body. */
  private def bodies(node: ClassNode): Unit = if (isComplete(node.name)) {
    val methods = for {
      c <- graph.ancestry(node.name).flatten
      m <- c.methods.asScala if (m.access & (ACC_STATIC | ACC_PRIVATE)) == 0
    } yield (c.name, m)
    val had = methods.collect { case (_, m) if (m.access & Opcodes.ACC_ABSTRACT) == 0 => m.name + m.desc }.toSet
    methods.foreach { case (in, m) =>
      if ((m.access & ACC_ABSTRACT) != 0 && !had(m.name + m.desc) && !m.name.contains("$$super$") &&
        !graph.isOwn(in) && !isJdk(in)) report("abstract", s"$in.${m.name}${m.desc}", node.name)
    }
  }

  private def isComplete(name: String): Boolean = graph.ancestry(name).forall(_.isDefined)

  private def samePackage(a: String, b: String): Boolean =
    a.substring(0, a.lastIndexOf('/')) == b.substring(0, b.lastIndexOf('/'))

  private def isJdk(name: String): Boolean = name.startsWith("java/")
}
