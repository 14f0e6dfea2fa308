// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.compression.NoCompressionCodec;

/** Spark 4.0 has no jar of Arrow's codecs: Arrow cannot read a compressed file. */
final class ArrowPreviewCodecs implements CompressionCodec.Factory {
  static final CompressionCodec.Factory OF_SPARK = new ArrowPreviewCodecs();

  private ArrowPreviewCodecs() {}

  @Override
  public CompressionCodec createCodec(CodecType type) {
    if (type == CodecType.NO_COMPRESSION) {
      return NoCompressionCodec.INSTANCE;
    }
    throw new NoClassDefFoundError("org.apache.arrow.compression.CommonsCompressionFactory");
  }

  @Override
  public CompressionCodec createCodec(CodecType type, int level) {
    return createCodec(type);
  }
}
