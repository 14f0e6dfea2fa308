// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every cure is in the words of the language that the user writes in. */
class RefusalTest {
  private static final String OF_JAVA =
      "CacheOptions|DiskCache\\.of|JDK|Scala|[Ss]erializable|bytecode|jar\\b|class path";
  private static final String OF_PYTHON = "Python|pickle|NumPy|pandas|_|sparkdiskcache\\.|import";

  @ParameterizedTest
  @EnumSource(Refusal.Code.class)
  void curesNameTheApiOfTheCallersLanguage(Refusal.Code code) {
    String levels = "MEMORY_AND_DISK|DISK_ONLY"; // the same in all languages
    assertThat(code.cure().replaceAll(levels, "")).doesNotContainPattern(OF_PYTHON);
    assertThat(code.cureInPython()).doesNotContainPattern(OF_JAVA);
    for (String cure : new String[] {code.cure(), code.cureInPython()}) {
      assertThat(cure)
          .endsWith(".")
          .doesNotContain("%")
          .doesNotContainPattern("\\.\\.$")
          .isNotBlank();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Refusal.Code.class,
      names = {"SOURCE", "FUNCTION", "FUNCTION_STATE"})
  void someAreOthersInPython(Refusal.Code code) {
    assertThat(code.cureInPython()).isNotEqualTo(code.cure());
  }
}
