// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import org.apache.spark.sql.execution.datasources.text.TextFileFormat

/** Text by somebody else's code. */
final class ForeignFormat extends TextFileFormat

object ForeignFormat {
  val name: String = classOf[ForeignFormat].getName
}
