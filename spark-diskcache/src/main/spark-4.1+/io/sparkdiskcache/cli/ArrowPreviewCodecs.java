// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.vector.compression.CompressionCodec;

/** Arrow's codecs are in the jars of Spark since 4.1. */
final class ArrowPreviewCodecs {
  static final CompressionCodec.Factory OF_SPARK = CommonsCompressionFactory.INSTANCE;

  private ArrowPreviewCodecs() {}
}
