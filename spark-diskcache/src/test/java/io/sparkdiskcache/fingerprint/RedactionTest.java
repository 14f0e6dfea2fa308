// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RedactionTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "spark.executorEnv.DISKCACHE_KEY",
        "spark.executorEnv.ANYTHING",
        "spark.yarn.appMasterEnv.X",
        "spark.kubernetes.driverEnv.X",
        "spark.hadoop.fs.s3a.secret.key",
        "fs.s3a.access.key",
        "fs.azure.account.key.x.blob.core.windows.net",
        "fs.azure.sas.token",
        "spark.sql.catalog.c.password",
        "spark.sql.catalog.c.apiKey",
        "db_pwd",
        "MY_TOKEN",
        "sslPrivateKey",
        "encryptionKey",
        "spark.sql.x.authToken",
        "credentials",
        "keys",
        "AWS_SECRET_ACCESS_KEY"
      })
  void whatMayHoldASecretIsNotShown(String name) {
    String secret = "hunter2/+=";
    assertThat(Redaction.shown(name, secret)).startsWith("(redacted) ").doesNotContain("hunter2");
    assertThat(Redaction.shown(name, secret)).isNotEqualTo(Redaction.shown(name, "other"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "spark.sql.ansi.enabled",
        "spark.sql.session.timeZone",
        "spark.sql.shuffle.partitions",
        "keyspace",
        "monkey.business",
        "tokenizer.path",
        "spark.sql.mapKeyDedupPolicy",
        "authors",
        "spark.executorEnv.PYTHONHASHSEED"
      })
  void otherSettingsAreShown(String name) {
    assertThat(Redaction.shown(name, "true")).isEqualTo("true");
  }

  @Test
  void textsLoseLoginsAndWhatFollowsSuchNames() {
    assertThat(Redaction.text("Scan jdbc:postgresql://ann:hunter2@db/x?password=hunter2&ssl=true"))
        .doesNotContain("hunter2")
        .contains("@db/x?password=")
        .endsWith("&ssl=true");
    assertThat(Redaction.text("BatchScan t [apiKey: 'hunter2', rows: 5]"))
        .doesNotContain("hunter2")
        .endsWith(", rows: 5]");
    assertThat(Redaction.text("Filter (isnotnull(a) AND (a = 5))"))
        .isEqualTo("Filter (isnotnull(a) AND (a = 5))");
  }
}
