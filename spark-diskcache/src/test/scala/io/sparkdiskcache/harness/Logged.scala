// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.util.concurrent.ConcurrentLinkedQueue

import scala.jdk.CollectionConverters._

import org.apache.logging.log4j.{Level, LogManager}
import org.apache.logging.log4j.core.{LogEvent, Logger}
import org.apache.logging.log4j.core.appender.AbstractAppender
import org.apache.logging.log4j.core.config.Property

object Logged {
  /** The messages of a class's logger meanwhile, at INFO or above. */
  def by(of: Class[_])(body: => Unit): Seq[String] = {
    val messages = new ConcurrentLinkedQueue[String]
    val appender = new AbstractAppender("messages", null, null, true, Property.EMPTY_ARRAY) {
      override def append(event: LogEvent): Unit = messages.add(event.getMessage.getFormattedMessage)
    }
    appender.start()
    val logger = LogManager.getLogger(of).asInstanceOf[Logger]
    val level = logger.getLevel
    logger.addAppender(appender) // gives the logger a configuration of its own, and that one's level
    logger.setLevel(Level.INFO)
    try body
    finally {
      logger.removeAppender(appender)
      logger.setLevel(level)
      appender.stop()
    }
    messages.asScala.toSeq
  }
}
