// SPDX-License-Identifier: Apache-2.0
package org.apache.spark.sql.foreign

import scala.jdk.CollectionConverters._
import scala.util.Try

import org.apache.spark.internal.config.ConfigEntry
import org.apache.spark.sql.internal.SQLConf

/** Spark's own registry of its SQL settings, most of which are internal. */
object SettingsRegistry {
  private def entries: Iterable[ConfigEntry[_]] = SQLConf.getConfigEntries().asScala

  /** Keys that a session may set. */
  def modifiable: Seq[String] =
    entries.map(_.key).filterNot(SQLConf.isStaticConfigKey).toSeq.sorted

  /** A flag or number other than the default that Spark takes; empty for settings of other types. */
  def other(key: String): Option[String] = {
    val candidates = default(key) match {
      case Some(on: Boolean) => Seq((!on).toString)
      case Some(_: Int | _: Long) => Seq("1", "2", "12")
      case Some(_: Double) => Seq("0.01", "0.9")
      case _ => Nil
    }
    candidates.find { value =>
      !default(key).exists(_.toString == value) && Try(new SQLConf().setConfString(key, value)).isSuccess
    }
  }

  private def default(key: String): Option[Any] =
    entries.find(_.key == key).flatMap { entry =>
      Try(entry.defaultValue).toOption.flatten.orElse {
        // Entries that fall back on another have no default of their own.
        val value = new SQLConf().getConfString(key, null)
        Option(value).flatMap(text => text.toBooleanOption.orElse(text.toLongOption))
      }
    }
}
