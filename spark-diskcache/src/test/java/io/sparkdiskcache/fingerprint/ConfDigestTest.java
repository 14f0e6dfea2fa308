// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.internal.SQLConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfDigestTest {
  private static SQLConf with(Map<String, String> settings) {
    SQLConf conf = new SQLConf();
    settings.forEach(conf::setConfString);
    return conf;
  }

  private static final byte[] PLAIN = ConfDigest.of(with(Map.of()));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "spark.app.id",
        "spark.app.name",
        "spark.driver.port",
        "spark.executor.memory",
        "spark.master",
        "spark.eventLog.dir",
        "spark.files",
        "spark.files.maxPartitionBytes",
        "spark.jobGroup.id",
        "spark.job.description",
        "spark.rdd.scope.noOverride",
        "spark.repl.class.uri",
        "spark.sql.execution.id",
        "spark.sql.execution.query.id",
        "spark.sql.dataset.queryExecution.id",
        "spark.sql.warehouse.dir",
        "spark.sql.sources.bucketing.autoBucketedScan.enabled",
        "spark.sql.adaptive.applyFinalStageShuffleOptimizations",
        "spark.diskcache.dir",
        "spark.diskcache.tag",
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.session.token",
        "fs.s3a.access.key",
        "only.the.driver.knows"
      })
  void ignored(String key) {
    assertThat(ConfDigest.of(with(Map.of(key, "false")))).isEqualTo(PLAIN);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "spark.sql.caseSensitive",
        "spark.sql.legacy.castComplexTypesToString.enabled",
        "spark.sql.some.token.of.the.future",
        "spark.hadoop.parquet.something",
        "spark.executorEnv.TZ",
        "spark.unknown",
        "spark.jobs.of.somebody",
        "spark.logistics.region",
        "spark.nlp.tokenizer",
        "spark.files.ignoreCorruptFiles",
        "spark.files.ignoreMissingFiles",
        "spark.sql.streaming.fileStreamSink.ignoreMetadata",
        "spark.diskcache.precision",
        "spark.diskcache.precision.maxRelativeError"
      })
  void counted(String key) {
    byte[] one = ConfDigest.of(with(Map.of(key, "true")));
    byte[] other = ConfDigest.of(with(Map.of(key, "false")));
    assertThat(one).isNotEqualTo(PLAIN).isNotEqualTo(other);
    assertThat(other).isNotEqualTo(PLAIN);
  }

  @Test
  void resolvedDefaultsEqualExplicitValues() {
    SQLConf plain = with(Map.of());
    SQLConf explicit =
        with(
            Map.of(
                "spark.sql.session.timeZone", plain.sessionLocalTimeZone(),
                "spark.sql.ansi.enabled", Boolean.toString(plain.ansiEnabled())));
    assertThat(ConfDigest.of(explicit)).isEqualTo(PLAIN);
  }

  @Test
  void zonesOfTheSameRulesAreOne() {
    byte[] utc = ConfDigest.of(with(Map.of("spark.sql.session.timeZone", "UTC")));
    assertThat(ConfDigest.of(with(Map.of("spark.sql.session.timeZone", "Etc/UTC")))).isEqualTo(utc);
    assertThat(ConfDigest.of(with(Map.of("spark.sql.session.timeZone", "Europe/Berlin"))))
        .isNotEqualTo(utc);
  }

  @Test
  void settingsWithoutSparkPrefixCountInTheDriver() {
    SQLConf set = with(Map.of("parquet.strings.signed-min-max.enabled", "true"));
    assertThat(ConfDigest.ofSession(set)).isNotEqualTo(ConfDigest.ofSession(with(Map.of())));
    assertThat(ConfDigest.ofSession(with(Map.of("fs.s3a.secret.key", "x"))))
        .isEqualTo(ConfDigest.ofSession(with(Map.of())));
  }

  @Test
  void hadoopContentKeys() {
    Configuration plain = new Configuration(false);
    Configuration tuned = new Configuration(false);
    tuned.set("fs.s3a.connection.maximum", "7");
    assertThat(ConfDigest.ofHadoop(tuned)).isEqualTo(ConfDigest.ofHadoop(plain));
    for (String key :
        new String[] {
          "parquet.x", "fs.defaultFS", "fs.s3a.endpoint", "textinputformat.record.delimiter"
        }) {
      Configuration changed = new Configuration(false);
      changed.set(key, "value");
      assertThat(ConfDigest.ofHadoop(changed)).as(key).isNotEqualTo(ConfDigest.ofHadoop(plain));
    }
  }

  @Test
  void partialReadsAreRefused() {
    for (String key : new String[] {"ignoreCorruptFiles", "ignoreMissingFiles"}) {
      SQLConf conf = with(Map.of("spark.sql.files." + key, "true"));
      assertThatThrownBy(() -> ConfDigest.requireComplete(conf, "here"))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining(key);
    }
    ConfDigest.requireComplete(with(Map.of()), "here");
  }

  @Test
  void credentialsAreNotShown() {
    assertThat(Redaction.shown("spark.sql.catalog.c.password", "hunter2"))
        .startsWith("(redacted) ")
        .doesNotContain("hunter2");
    assertThat(Redaction.shown("spark.sql.ansi.enabled", "true")).isEqualTo("true");
  }
}
