// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class EnvironmentIdentityTest {
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
