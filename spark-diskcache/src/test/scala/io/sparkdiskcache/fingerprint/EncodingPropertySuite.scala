// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.time.ZoneOffset
import java.util.HexFormat

import scala.collection.mutable
import scala.util.Random

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.util.{ArrayBasedMapData, CaseInsensitiveMap, GenericArrayData}
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.{CalendarInterval, UTF8String}
import org.scalatest.funsuite.AnyFunSuite

/** Two different values never feed the same bytes, and equal ones always do. */
class EncodingPropertySuite extends AnyFunSuite {
  private val seed: Long = java.lang.Long.getLong("diskcache.seed", 20261129L)
  private val samples: Int = Integer.getInteger("diskcache.encodings", 4000)

  private def digest(encode: (TypeEncoder, ValueEncoder) => Unit): String = {
    val encoding = new Encoding
    val types = new TypeEncoder(encoding, FakeFunctions)
    val values = new ValueEncoder(encoding, types, new ExpressionRules(encoding, ZoneOffset.UTC), FakeFunctions,
      (_: SparkPlan) => fail("no plans here"))
    HexFormat.of().formatHex(encoding.digestOf(() => encode(types, values)))
  }

  /** A text that says all of a value, by other means than the encoder. */
  private def said(value: Any): String = value match {
    case null => "null"
    case s: String => s.map(c => f"${c.toInt}%04x").mkString("s:", "", "")
    case s: UTF8String => HexFormat.of().formatHex(s.getBytes).prependedAll("u:")
    case b: Array[Byte] => HexFormat.of().formatHex(b).prependedAll("y:")
    case f: Float => s"f:${java.lang.Float.floatToRawIntBits(f)}"
    case d: Double => s"d:${java.lang.Double.doubleToRawLongBits(d)}"
    case c: Char => s"c:${c.toInt}"
    case o: Option[_] => o.map(said).toString
    case m: Map[_, _] => m.map { case (k, v) => said(k) -> said(v) }.toSeq.sorted.mkString("m(", ",", ")")
    case s: Set[_] => s.toSeq.map(said).sorted.mkString("S(", ",", ")")
    case s: Seq[_] => s.map(said).mkString("q(", ",", ")")
    case a: Array[_] => a.map(said).mkString(s"${a.getClass.getComponentType.getName}(", ",", ")")
    case p: Product if p.getClass.getName.startsWith("scala.Tuple") => p.productIterator.map(said).mkString("(", ",", ")")
    case other => s"${other.getClass.getName}:$other"
  }

  private val odd = Seq("", "a", "?", "\uFFFD", "\uD800", "\uD801", "\uDC00", "\uD800\uDC00", "\uDC00\uD800", "a\u0000b", "ab",
    "\u00e9", "e\u0301", "0", "null")

  private def text(r: Random): String =
    if (r.nextInt(3) > 0) odd(r.nextInt(odd.size)) else Seq.fill(r.nextInt(4))(odd(r.nextInt(odd.size))).mkString

  private def scalar(r: Random): Any = r.nextInt(14) match {
    case 0 => null
    case 1 => r.nextBoolean()
    case 2 => r.nextInt(3).toByte
    case 3 => r.nextInt(3).toShort
    case 4 => r.nextInt(3)
    case 5 => r.nextInt(3).toLong
    case 6 => Seq(0f, -0f, 1f, Float.NaN, java.lang.Float.intBitsToFloat(0x7fc00001))(r.nextInt(5))
    case 7 => Seq(0d, -0d, 1d, Double.NaN, java.lang.Double.longBitsToDouble(0x7ff8000000000001L))(r.nextInt(5))
    case 8 => ('a' + r.nextInt(2)).toChar
    case 9 | 10 => text(r)
    case 11 => UTF8String.fromString(Seq("", "a", "?", "b")(r.nextInt(4)))
    case 12 => Array.fill(r.nextInt(3))(r.nextInt(2).toByte)
    case _ => Seq(Decimal(1), Decimal("1.0"), Decimal("1.00"), Decimal(10, 10, 1), Decimal(1, 5, 0))(r.nextInt(5)) match {
      case d if r.nextBoolean() => d
      case _ => new CalendarInterval(r.nextInt(2), r.nextInt(2), r.nextInt(2).toLong)
    }
  }

  private def value(r: Random, depth: Int): Any = if (depth == 0 || r.nextInt(3) == 0) scalar(r) else r.nextInt(8) match {
    case 0 => Seq.fill(r.nextInt(3))(value(r, depth - 1))
    case 1 => Option(value(r, depth - 1))
    case 2 => Seq.fill(r.nextInt(3))(text(r) -> value(r, depth - 1)).toMap
    case 3 => Seq.fill(r.nextInt(3))(r.nextInt(3) -> value(r, depth - 1)).toMap
    case 4 => Seq.fill(r.nextInt(3))(scalar(r)).filterNot(_.isInstanceOf[Array[Byte]]).toSet
    case 5 => (value(r, depth - 1), value(r, depth - 1))
    case 6 => Array.fill(r.nextInt(3))(r.nextInt(2))
    case _ => Array.fill[String](r.nextInt(3))(text(r))
  }

  /** Decimals say their digits, precision and scale; intervals their parts. */
  private def fully(value: Any): String = said(value match {
    case d: Decimal => s"${d.toJavaBigDecimal.unscaledValue}/${d.toJavaBigDecimal.scale}/${d.precision}/${d.scale}"
    case other => other
  })

  private def distinct[T](what: String, all: Seq[T])(name: T => String)(encode: T => String): Unit = {
    val names = mutable.Map.empty[String, String]
    for (one <- all) {
      val known = names.getOrElseUpdate(encode(one), name(one))
      assert(known == name(one), s"$what: two values share their bytes")
      assert(encode(one) == encode(one), s"$what is encoded twice in two ways")
    }
    val byName = all.groupBy(name)
    byName.values.foreach(same => assert(same.map(encode).distinct.size == 1, s"$what: equal values differ"))
    println(s"seed $seed: ${names.size} different of ${all.size} $what")
    assert(names.size > 30)
  }

  test("arguments of nodes and expressions") {
    val r = new Random(seed)
    distinct("arguments", Seq.fill(samples)(value(r, 3)).filterNot(holdsDecimals))(said)(v => digest((_, values) => values.value(v)))
  }

  private def holdsDecimals(value: Any): Boolean = value match {
    case _: Decimal => true
    case o: Option[_] => o.exists(holdsDecimals)
    case m: Map[_, _] => m.exists { case (k, v) => holdsDecimals(k) || holdsDecimals(v) }
    case s: Iterable[_] => s.exists(holdsDecimals)
    case (a, b) => holdsDecimals(a) || holdsDecimals(b)
    case _ => false
  }

  test("scalars, decimals among them") {
    val r = new Random(seed)
    distinct("scalars", Seq.fill(samples)(scalar(r)))(fully)(v => digest((_, values) => values.value(v)))
  }

  private def dataType(r: Random, depth: Int): DataType = r.nextInt(if (depth == 0) 12 else 16) match {
    case 0 => BooleanType
    case 1 => ByteType
    case 2 => IntegerType
    case 3 => LongType
    case 4 => FloatType
    case 5 => DoubleType
    case 6 => StringType
    case 7 => BinaryType
    case 8 => DecimalType(1 + r.nextInt(3), r.nextInt(2))
    case 9 => Seq(CharType(2), CharType(3), VarcharType(2), StringType("UTF8_LCASE"), StringType("UNICODE"))(r.nextInt(5))
    case 10 => Seq(TimestampType, TimestampNTZType, DateType, CalendarIntervalType)(r.nextInt(4))
    case 11 => Seq(YearMonthIntervalType(0, 1), YearMonthIntervalType(0, 0), DayTimeIntervalType(0, 3), DayTimeIntervalType(1, 3))(r.nextInt(4))
    case 12 => ArrayType(dataType(r, depth - 1), r.nextBoolean())
    case 13 => MapType(dataType(r, depth - 1), dataType(r, depth - 1), r.nextBoolean())
    case _ => StructType(Seq.fill(r.nextInt(3)) {
      val metadata = new MetadataBuilder
      if (r.nextBoolean()) metadata.putString(text(r), text(r))
      if (r.nextInt(4) == 0) metadata.putLong("n", r.nextInt(2).toLong)
      if (r.nextInt(4) == 0) metadata.putDouble("n", r.nextInt(2).toDouble)
      StructField(text(r), dataType(r, depth - 1), r.nextBoolean(), metadata.build())
    })
  }

  private def saidOfType(t: DataType): String = t match {
    case s: StructType => s.fields.map { f =>
        s"${said(f.name)}/${f.nullable}/${said(f.metadata.json)}/${saidOfType(f.dataType)}"
      }.mkString("struct(", ",", ")")
    case a: ArrayType => s"array(${saidOfType(a.elementType)},${a.containsNull})"
    case m: MapType => s"map(${saidOfType(m.keyType)},${saidOfType(m.valueType)},${m.valueContainsNull})"
    case s: StringType => s"${s.getClass.getName}/$s/${s.collationId}"
    case other => s"${other.getClass.getName}/$other"
  }

  test("types with names, nullability and metadata") {
    val r = new Random(seed)
    distinct("types", Seq.fill(samples)(dataType(r, 3)))(saidOfType)(t => digest((types, _) => types.`type`(t)))
  }

  test("rows, arrays and maps of rows") {
    val r = new Random(seed)
    val nested = StructType.fromDDL("s string, a array<string>, m map<string,int>, r struct<x double, b binary>")
    def string() = if (r.nextInt(4) == 0) null else UTF8String.fromString(Seq("", "a", "b", "ab")(r.nextInt(4)))
    def array() = if (r.nextInt(4) == 0) null else new GenericArrayData(Array.fill[Any](r.nextInt(3))(string()))
    def map() = if (r.nextInt(4) == 0) null else {
      val keys = Seq("a", "b").take(r.nextInt(3))
      ArrayBasedMapData(keys.map(UTF8String.fromString).toArray[Any], keys.map(_ => r.nextInt(2): Any).toArray)
    }
    def inner() = if (r.nextInt(4) == 0) null
      else InternalRow(Seq(0d, -0d, Double.NaN)(r.nextInt(3)), if (r.nextBoolean()) null else Array.fill(r.nextInt(3))(r.nextInt(2).toByte))
    def saidOfRow(row: InternalRow): String = Seq(
      said(row.get(0, StringType)),
      Option(row.getArray(1)).map(_.toSeq[Any](StringType).map(said).mkString("[", ",", "]")),
      Option(row.getMap(2)).map(m => m.keyArray().toSeq[Any](StringType).map(said).mkString + m.valueArray().toIntArray().mkString(",")),
      Option(row.getStruct(3, 2)).map(s => said(s.getDouble(0)) + said(if (s.isNullAt(1)) null else s.getBinary(1)))).mkString(";")
    distinct("rows", Seq.fill(samples)(InternalRow(string(), array(), map(), inner())))(saidOfRow)(row =>
      digest((types, _) => types.row(row, nested)))
  }

  test("literals, sets and options") {
    val r = new Random(seed)
    val a = AttributeReference("a", StringType)(ExprId(1))
    def literal(): Literal = Literal(UTF8String.fromString(Seq("", "a", "b")(r.nextInt(3))), StringType)
    def expression(): Expression = r.nextInt(6) match {
      case 0 => literal()
      case 1 => EqualTo(a, literal())
      case 2 => EqualNullSafe(a, literal())
      case 3 => In(a, Seq.fill(r.nextInt(3))(literal()))
      case 4 => InSet(a, Seq.fill(r.nextInt(4))(literal().value).toSet)
      case _ => Concat(Seq.fill(r.nextInt(3))(literal()))
    }
    distinct("expressions", Seq.fill(samples / 4)(expression()))({
      case in: InSet => s"inset ${in.hset.map(said).toSeq.sorted}"
      case other => s"${other.getClass.getName} $other ${other.children.size} ${other.children.map(c => s"$c").mkString("|")}"
    })(e => digest((_, values) => values.value(e)))
    distinct("options", Seq.fill(samples / 4)(Seq.fill(r.nextInt(3))(Seq("a", "b", "a\u0000b")(r.nextInt(3)) -> text(r)).toMap))(m =>
      said(m))(m => digest((_, values) => values.value(CaseInsensitiveMap(m))))
  }

  test("strings that UTF-8 cannot say") {
    def of(s: String) = HexFormat.of().formatHex(new CanonicalHasher().putString(s).digest())
    distinct("strings", odd ++ odd.map("x" + _) ++ odd.map(_ + "x"))(said)(of)
    assert(of("\uD800") != of("\uD801") && of("\uD800") != of("?"))
    // A string and the UTF-16 units after a length below zero are not mixed up with other calls.
    def ints(values: Int*) = HexFormat.of().formatHex(values.foldLeft(new CanonicalHasher())(_.putInt(_)).digest())
    assert(Seq(of("\uD800"), of("a"), ints(-2), ints(1)).distinct.size == 4)
  }
}
