// SPDX-License-Identifier: Apache-2.0
package org.apache.spark.sql.foreign

import org.apache.spark.sql.Column
import org.apache.spark.sql.catalyst.expressions.{Expression, UnaryExpression}
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenFallback
import org.apache.spark.sql.classic.ExpressionUtils
import org.apache.spark.sql.types.DataType

/** Written by somebody else, in a package of Spark's. */
case class Foreign(child: Expression) extends UnaryExpression with CodegenFallback {
  override def dataType: DataType = child.dataType
  override protected def nullSafeEval(input: Any): Any = input
  override protected def withNewChildInternal(newChild: Expression): Expression = copy(newChild)
}

object Foreign {
  def of(column: Column): Column = ExpressionUtils.column(Foreign(ExpressionUtils.expression(column)))
}
