// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.util.Collection;
import java.util.List;

/**
 * All keys, derived in one place. A key is 32 bytes. The executor's environment is not in them yet:
 * {@link #inEnvironment} mixes it in where the rows are computed.
 */
@Internal
public final class Keys {
  private Keys() {}

  /** The key of one unit of a {@link PlanClass#ROW_LOCAL} plan. */
  public static byte[] chunkKey(byte[] function, FileChunk chunk) {
    return start("chunk", function).putBytes(chunk.identity()).digest();
  }

  /**
   * The key of one partition of a {@link PlanClass#PARTITION_LOCAL} plan.
   *
   * @param readOrder what the partition reads; empty where the function hash holds the files
   */
  public static byte[] partitionKey(byte[] function, int index, List<FileChunk> readOrder) {
    CanonicalHasher hasher = start("partition", function).putInt(index).putInt(readOrder.size());
    for (FileChunk chunk : readOrder) {
      hasher.putBytes(chunk.identity());
    }
    return hasher.digest();
  }

  /**
   * The key of one partition of a {@link PlanClass#PARTITION_LOCAL} plan with several leaves.
   *
   * @param setKey over all files
   * @param packing how Spark packed them into partitions
   */
  public static byte[] packedKey(byte[] setKey, byte[] packing, int index) {
    return start("packed", setKey).putBytes(packing).putInt(index).digest();
  }

  /**
   * The key of the whole output of a plan.
   *
   * @param packing how its input is cut into partitions; empty if that shows in no row
   */
  public static byte[] setKey(byte[] function, Collection<InputFile> inputs, byte[] packing) {
    List<byte[]> files = inputs.stream().map(InputFile::digest).toList();
    return start("set", function).putUnordered(files).putBytes(packing).digest();
  }

  /** {@code key} as it is stored and looked up by an executor with this environment. */
  public static byte[] inEnvironment(byte[] key, byte[] environment) {
    return start("environment", key).putBytes(environment).digest();
  }

  private static CanonicalHasher start(String kind, byte[] function) {
    return new CanonicalHasher().putString("diskcache." + kind + ".1").putBytes(function);
  }
}
