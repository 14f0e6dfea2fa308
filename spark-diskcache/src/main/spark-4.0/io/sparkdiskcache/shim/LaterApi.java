// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import io.sparkdiskcache.annotation.Internal;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.compression.NoCompressionCodec;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation;

/** Calls that Spark 4.0 lacks, with the answers of a Spark that has them where nothing is known. */
@Internal
public final class LaterApi {
  private LaterApi() {}

  public static String id(Table table) {
    return "null";
  }

  public static String version(Table table) {
    return "null";
  }

  public static String timeTravel(DataSourceV2Relation relation) {
    return "None";
  }

  /** Spark 4.0 has no jar of Arrow's codecs: a compressed file cannot be read by Arrow. */
  public static CompressionCodec.Factory compression() {
    return new CompressionCodec.Factory() {
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
    };
  }
}
