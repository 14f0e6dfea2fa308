// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sparkdiskcache.store.ByteLimit;
import io.sparkdiskcache.store.EvictionPolicy;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.VerifyMode;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DiskCacheConfTest {
  private static final String BEGIN = "<!-- conf:begin -->\n";
  private static final String END = "<!-- conf:end -->";

  @Test
  void defaults() {
    Settings settings = Settings.of(Map.of());
    assertThat(settings.enabled()).isTrue();
    assertThat(settings.directory()).isEqualTo(HostDirectory.DEFAULT);
    assertThat(settings.maxBytes()).isEqualTo(ByteLimit.ofBytes(50L << 30));
    assertThat(settings.store().limits().tags()).isEmpty();
    assertThat(settings.eviction()).isEqualTo(EvictionPolicy.COST);
    assertThat(settings.verify()).isEqualTo(VerifyMode.OPEN);
    assertThat(settings.settle()).isEqualTo(Duration.ofSeconds(2));
    assertThat(settings.chunkBytes()).isEqualTo(32L << 20);
  }

  @Test
  void everyEntryIsListedOnceAndReadBySettings() throws IllegalAccessException {
    int fields = 0;
    for (Field field : DiskCacheConf.class.getFields()) {
      if (ConfEntry.class.isAssignableFrom(field.getType())
          && Modifier.isStatic(field.getModifiers())) {
        fields++;
        assertThat(DiskCacheConf.entries()).contains((ConfEntry<?>) field.get(null));
      }
    }
    assertThat(DiskCacheConf.entries()).hasSize(fields).doesNotHaveDuplicates();
    int pairs = 2; // say where the one key is, and what the remote tier is
    assertThat(Settings.class.getRecordComponents()).hasSize(fields - pairs);
  }

  @ParameterizedTest
  @CsvSource({
    "spark.diskcache.enabled, yes",
    "spark.diskcache.dir, relative/path",
    "spark.diskcache.dir, s3a://bucket/cache",
    "spark.diskcache.dir, '/a,/b'",
    "spark.diskcache.maxBytes, 1k",
    "spark.diskcache.maxBytes, plenty",
    "spark.diskcache.maxBytes, 120%",
    "spark.diskcache.maxBytes, -5%",
    "spark.diskcache.maxBytes, x%",
    "spark.diskcache.minFreeBytes, -1",
    "spark.diskcache.ttl, yesterday",
    "spark.diskcache.tag.maxBytes, nightly",
    "spark.diskcache.tag.maxBytes, nightly=0",
    "spark.diskcache.eviction, random",
    "spark.diskcache.admission, never",
    "spark.diskcache.verify, sometimes",
    "spark.diskcache.inputs.settle, soon",
    "spark.diskcache.inputs.chunkBytes, 0",
    "spark.diskcache.encryption.keyFile, key.txt",
    "spark.diskcache.encryption.keyEnv, MY-KEY",
    "spark.diskcache.remote.dir, /no/scheme",
    "spark.diskcache.remote.dir, 's3a:bucket'",
    "spark.diskcache.remote.dir, 'file:///with a space'",
    "spark.diskcache.remote.flush, -1s",
    "spark.diskcache.precision, float8",
    "spark.diskcache.precision, 'a=float16,'",
    "spark.diskcache.precision.maxRelativeError, -1",
    "spark.diskcache.precision.maxAbsoluteError, NaN"
  })
  void aBadValueNamesKeyValueAndWhatIsAllowed(String key, String value) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Settings.of(Map.of(key, value)))
        .withMessageContaining(key)
        .withMessageContaining("'" + value + "'")
        .withMessageContaining("must be");
  }

  @Test
  void misspeltKeysAreFound() {
    assertThat(
            DiskCacheConf.unknownKeys(
                Map.of(
                    "spark.diskcache.maxByte", "1g", "spark.diskcache.dir", "/x", "spark.x", "y")))
        .containsExactly("spark.diskcache.maxByte");
  }

  /** Run with {@code -Ddiskcache.docs.write=true} to bring the documents up to date. */
  @ParameterizedTest
  @CsvSource({"README.md", "docs/configuration.md"})
  void documentsHoldTheGeneratedTable(String name) throws IOException {
    Path document = Path.of("..").resolve(name);
    String text = Files.readString(document);
    int from = text.indexOf(BEGIN);
    int to = text.indexOf(END);
    assertThat(from).as("%s has a place for the table", name).isNotNegative();
    String expected =
        text.substring(0, from + BEGIN.length())
            + DiskCacheConf.markdownTable()
            + text.substring(to);
    if (Boolean.getBoolean("diskcache.docs.write")) {
      Files.writeString(document, expected);
    }
    assertThat(Files.readString(document))
        .as("%s drifted from the registry: run this test with -Ddiskcache.docs.write=true", name)
        .isEqualTo(expected);
  }
}
