// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.apache.spark.paths.SparkPath;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.datasources.PartitionedFile;
import org.junit.jupiter.api.Test;

class KeysTest {
  private static final byte[] FUNCTION = {1};
  private static final byte[] OTHER_FUNCTION = {2};

  private static InputFile file(String path) {
    return new InputFile(path, 10, 20, "v");
  }

  private static FileChunk chunk(byte identity) {
    PartitionedFile split =
        new PartitionedFile(
            InternalRow.empty(),
            SparkPath.fromPathString("/a"),
            3,
            4,
            new String[0],
            20,
            10,
            scala.collection.immutable.Map$.MODULE$.empty());
    return new FileChunk(file("/a"), split, new byte[] {identity}, true);
  }

  private static String hex(byte[] key) {
    assertThat(key).hasSize(CanonicalHasher.DIGEST_BYTES);
    return HexFormat.of().formatHex(key);
  }

  @Test
  void everyIngredientCounts() {
    FileChunk one = chunk((byte) 1);
    FileChunk two = chunk((byte) 2);
    List<String> keys =
        List.of(
            hex(Keys.chunkKey(FUNCTION, one)),
            hex(Keys.chunkKey(FUNCTION, two)),
            hex(Keys.chunkKey(OTHER_FUNCTION, one)),
            hex(Keys.partitionKey(FUNCTION, 0, List.of())),
            hex(Keys.partitionKey(FUNCTION, 1, List.of())),
            hex(Keys.partitionKey(OTHER_FUNCTION, 0, List.of())),
            hex(Keys.partitionKey(FUNCTION, 0, List.of(one))),
            hex(Keys.partitionKey(FUNCTION, 0, List.of(one, two))),
            hex(Keys.partitionKey(FUNCTION, 0, List.of(two, one))),
            hex(Keys.setKey(FUNCTION, List.of(), new byte[0])),
            hex(Keys.setKey(OTHER_FUNCTION, List.of(), new byte[0])),
            hex(Keys.setKey(FUNCTION, List.of(file("/a")), new byte[0])),
            hex(Keys.setKey(FUNCTION, List.of(new InputFile("/a", 11, 20, "v")), new byte[0])),
            hex(Keys.setKey(FUNCTION, List.of(new InputFile("/a", 10, 21, "v")), new byte[0])),
            hex(Keys.setKey(FUNCTION, List.of(new InputFile("/a", 10, 20, "w")), new byte[0])),
            hex(Keys.setKey(FUNCTION, List.of(file("/a"), file("/b")), new byte[0])),
            hex(Keys.inEnvironment(FUNCTION, FUNCTION)),
            hex(Keys.inEnvironment(FUNCTION, OTHER_FUNCTION)));
    Set<String> distinct = new HashSet<>(keys);
    assertThat(distinct).hasSameSizeAs(keys);
  }

  @Test
  void orderOfFilesInASetHasNoMeaning() {
    assertThat(Keys.setKey(FUNCTION, List.of(file("/a"), file("/b")), new byte[0]))
        .isEqualTo(Keys.setKey(FUNCTION, List.of(file("/b"), file("/a")), new byte[0]));
  }

  @Test
  void environmentIsStableAndNamed() {
    assertThat(EnvironmentIdentity.current()).isEqualTo(EnvironmentIdentity.current());
    assertThat(EnvironmentIdentity.facts())
        .containsKeys("java.runtime.version", "tzdata", "locale", "timezone", "charset", "os.arch");
    assertThat(EngineIdentity.current().parts())
        .containsEntry("spark", "4.2.0")
        .containsKeys("scala", "jar.spark-catalyst_2.13-4.2.0.jar");
  }
}
