// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostDirectoryTest {
  private static Path of(String configured, String userHome, String... env) throws StoreException {
    Map<String, String> variables = new java.util.HashMap<>();
    for (int i = 0; i < env.length; i += 2) {
      variables.put(env[i], env[i + 1]);
    }
    return HostDirectory.of(configured, variables, userHome);
  }

  @Test
  void theVariableOfTheHostCountsFirstThenWhatIsSetThenTheDirectoryForCachesThenTheHome()
      throws StoreException {
    String[] all = {
      "SPARK_DISKCACHE_DIR", "/host", "XDG_CACHE_HOME", "/xdg", "HOME", "/home/of/variable"
    };
    assertThat(of("/set", "/home/u", all)).isEqualTo(Path.of("/host"));
    assertThat(of("default", "/home/u", all)).isEqualTo(Path.of("/host"));
    assertThat(of("/set/x/../y", "/home/u", "XDG_CACHE_HOME", "/xdg")).isEqualTo(Path.of("/set/y"));
    assertThat(of("default", "/home/u", "XDG_CACHE_HOME", "/xdg", "HOME", "/h"))
        .isEqualTo(Path.of("/xdg/spark-diskcache"));
    assertThat(of("default", "/home/u", "HOME", "/h"))
        .isEqualTo(Path.of("/h/.cache/spark-diskcache"));
    assertThat(of("default", "/home/u")).isEqualTo(Path.of("/home/u/.cache/spark-diskcache"));
  }

  @Test
  void aRelativeDirectoryForCachesIsIgnoredAsTheStandardWants() throws StoreException {
    assertThat(of("default", "/home/u", "XDG_CACHE_HOME", "caches"))
        .isEqualTo(Path.of("/home/u/.cache/spark-diskcache"));
    assertThat(of("default", "/home/u", "XDG_CACHE_HOME", "", "HOME", ""))
        .isEqualTo(Path.of("/home/u/.cache/spark-diskcache"));
  }

  @Test
  void aTildeIsTheHomeOfTheProcess() throws StoreException {
    assertThat(of("~/cache", "/home/u")).isEqualTo(Path.of("/home/u/cache"));
    assertThat(of("~/cache", "/home/u", "HOME", "/h")).isEqualTo(Path.of("/h/cache"));
    assertThat(of("/set", "/home/u", "SPARK_DISKCACHE_DIR", "~/own"))
        .isEqualTo(Path.of("/home/u/own"));
    assertThat(of("/a~/b", "/home/u")).isEqualTo(Path.of("/a~/b"));
  }

  /** The home that Java gives for a user without an entry in the list of users. */
  @ParameterizedTest
  @CsvSource({"?", "''", "home"})
  void whoHasNoHomeIsToldSo(String userHome) {
    assertThatThrownBy(() -> of("default", userHome))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("no home directory")
        .hasMessageContaining("spark.diskcache.dir")
        .hasMessageContaining("SPARK_DISKCACHE_DIR");
    assertThatThrownBy(() -> of("~/x", userHome)).hasMessageContaining("no home directory");
  }

  @Test
  void aVariableThatIsNoAbsolutePathIsNotIgnored() {
    assertThatThrownBy(() -> of("/set", "/home/u", "SPARK_DISKCACHE_DIR", "own"))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("'own'")
        .hasMessageContaining("SPARK_DISKCACHE_DIR must be an absolute path");
  }

  @Test
  void aPathWithANulIsRefusedForThat() {
    assertThat(HostDirectory.unusable("/a\0b")).contains("Nul character");
    assertThat(HostDirectory.unusable("/a")).isEmpty();
  }
}
