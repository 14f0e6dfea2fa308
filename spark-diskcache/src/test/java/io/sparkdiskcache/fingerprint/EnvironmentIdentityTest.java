// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import java.util.Properties;
import java.util.SortedMap;
import java.util.TimeZone;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Properties of the process that the JDK computes by, and those that it does not. */
class EnvironmentIdentityTest {
  private static SortedMap<String, String> with(String property) {
    String before = System.getProperty(property);
    System.setProperty(property, "other");
    try {
      return EnvironmentIdentity.facts();
    } finally {
      if (before == null) {
        System.clearProperty(property);
      } else {
        System.setProperty(property, before);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "java.locale.providers",
        "java.locale.useOldISOCodes",
        "java.util.currency.data",
        "java.time.zone.DefaultZoneRulesProvider",
        "java.util.Arrays.useLegacyMergeSort",
        "javax.xml.parsers.DocumentBuilderFactory",
        "jdk.xml.entityExpansionLimit",
        "jdk.util.zip.disableZip64ExtraFieldValidation",
        "sun.locale.formatasdefault",
        "java.lang.Integer.IntegerCache.high",
        "line.separator"
      })
  void count(String property) {
    assertThat(with(property)).isNotEqualTo(EnvironmentIdentity.facts());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "java.class.path",
        "java.io.tmpdir",
        "java.library.path",
        "java.awt.headless",
        "java.net.preferIPv4Stack",
        "java.rmi.server.hostname",
        "jdk.reflect.useDirectMethodHandle",
        "sun.java.command",
        "user.dir",
        "user.name",
        "spark.app.id",
        "my.own.property"
      })
  void doNotCount(String property) {
    assertThat(with(property)).isEqualTo(EnvironmentIdentity.facts());
  }

  @Test
  void whatCanChangeIsLookedAtEachTime() {
    byte[] before = EnvironmentIdentity.current();
    SortedMap<String, String> driver = EnvironmentIdentity.facts();
    Locale locale = Locale.getDefault(Locale.Category.FORMAT);
    TimeZone zone = TimeZone.getDefault();
    Properties properties = System.getProperties();
    try {
      Locale.setDefault(Locale.Category.FORMAT, Locale.ROOT);
      assertThat(differing(driver)).isEqualTo("locale.format");
      assertThat(EnvironmentIdentity.current()).isNotEqualTo(before);
      Locale.setDefault(Locale.Category.FORMAT, locale);
      TimeZone.setDefault(TimeZone.getTimeZone("Asia/Tokyo"));
      assertThat(differing(driver)).isEqualTo("timezone");
      TimeZone.setDefault(zone);
      Properties below = new Properties();
      below.putAll(properties);
      System.setProperties(new Properties(below));
      assertThat(differing(driver)).isEmpty();
      below.setProperty("jdk.xml.totalEntitySizeLimit", "7");
      assertThat(differing(driver)).isEqualTo("jdk.xml.totalEntitySizeLimit");
    } finally {
      System.setProperties(properties);
      TimeZone.setDefault(zone);
      Locale.setDefault(Locale.Category.FORMAT, locale);
    }
    assertThat(differing(driver)).isEmpty();
    assertThat(EnvironmentIdentity.current()).isEqualTo(before);
  }

  private static String differing(SortedMap<String, String> driver) {
    return EnvironmentIdentity.difference(driver)
        .map(EnvironmentIdentity.Difference::name)
        .orElse("");
  }

  @Test
  void everyFactOfTheDriverHasToHold() {
    SortedMap<String, String> here = EnvironmentIdentity.facts();
    assertThat(EnvironmentIdentity.difference(here)).isEmpty();
    for (String name : here.keySet()) {
      SortedMap<String, String> driver = new TreeMap<>(here);
      driver.put(name, name.equals("timezone") ? "Asia/Tokyo" : here.get(name) + "x");
      assertThat(EnvironmentIdentity.difference(driver))
          .hasValueSatisfying(
              other -> {
                assertThat(other.name()).isEqualTo(name);
                assertThat(other.here()).isEqualTo(here.get(name));
                assertThat(other.there()).isEqualTo(driver.get(name));
              });
    }
    SortedMap<String, String> older = new TreeMap<>(here);
    older.remove("locale");
    assertThat(EnvironmentIdentity.difference(older)).as("only this JVM has it").isPresent();
    SortedMap<String, String> newer = new TreeMap<>(here);
    newer.put("what another version adds", "x");
    assertThat(EnvironmentIdentity.difference(newer)).isPresent();
  }

  @Test
  void zonesAreOneIfTheirRulesAndNamesAre() {
    assertThat(same("UTC", "Etc/UTC")).isTrue();
    assertThat(same("Europe/Berlin", "Europe/Berlin")).isTrue();
    assertThat(same("UTC", "GMT")).as("a date is printed with the other name").isFalse();
    assertThat(same("Europe/Berlin", "Europe/Paris")).as("not in 1945").isFalse();
    assertThat(same("UTC", "Asia/Tokyo")).isFalse();
  }

  private static boolean same(String one, String other) {
    return EnvironmentIdentity.isSameZone(one, other);
  }
}
