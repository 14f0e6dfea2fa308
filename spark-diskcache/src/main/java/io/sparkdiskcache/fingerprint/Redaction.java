// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.util.HexFormat;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The parts of settings and texts that people may see: in components, explanations and logs. The
 * rule is our own and wide: Spark's {@code spark.redaction.regex} does not know that a variable
 * holds a key. Nothing of it decides what is in a key.
 */
@Internal
public final class Redaction {
  /**
   * Words of a name, which begin at a separator or at a capital letter, that speak of a secret.
   * Words that go on ({@code keyspace}, {@code tokenizer}) do not.
   */
  private static final Pattern SECRET_WORD =
      Pattern.compile(
          "(?:^|[^A-Za-z]|(?<=[a-z0-9])(?=[A-Z]))"
              + "(?i:keys?|keytab|apikey|accesskey|secretkey|privatekey|pass|pwd|pw|pin|auth|authorization"
              + "|auths?token|tokens?|creds?|certs?|certificate|cookie|dsn|jaas|login|private|sas|sig"
              + "|signature|sessionid)"
              + "(?=$|[^a-z])");

  /** Parts of a name that speak of a secret wherever they stand. */
  private static final Pattern SECRET_PART =
      Pattern.compile("(?i)secret|passw|passphrase|credential|token(?!iz)|access[._-]?key|encrypt");

  /** Variables of processes: their names say nothing, and this is how secrets are handed over. */
  private static final Pattern VARIABLE =
      Pattern.compile("(?i)^spark\\.(?:executorEnv|yarn\\.appMasterEnv|kubernetes\\.\\w+Env)\\.");

  /** Parts of these names of SQL settings that are no secrets. */
  private static final Set<String> HARMLESS =
      Set.of(
          "spark.executorEnv.PYTHONHASHSEED",
          "spark.sql.mapKeyDedupPolicy",
          "spark.sql.legacy.allowHashOnMapType",
          "spark.sql.legacy.dataset.nameNonStructGroupingKeyAsValue");

  private static final Pattern URL_LOGIN = Pattern.compile("(?<=://)[^/\\s@]+@");
  private static final Pattern ASSIGNED =
      Pattern.compile(
          "(?i)((?:[\\w.-]*(?:secret|passw|passphrase|pwd|credential|token(?!iz)|api[_-]?key"
              + "|access[._-]?key|signature)[\\w.-]*)[\"']?\\s*[=:]\\s*)(\"[^\"]*\"|'[^']*'|[^\\s,;&)\\]}]+)");

  private static final String HIDDEN = "(redacted)";
  private static final int DIGITS = 8;

  private Redaction() {}

  /** Whether the value of a setting, option or variable of that name is nobody's business. */
  public static boolean hides(String name) {
    return !HARMLESS.contains(name)
        && (VARIABLE.matcher(name).find()
            || SECRET_PART.matcher(name).find()
            || SECRET_WORD.matcher(name).find());
  }

  /**
   * The value of a setting as people may see it. Of a hidden one no more than so many digits of its
   * digest that a change shows; too few to find it by trying.
   */
  public static String shown(String name, String value) {
    if (!hides(name)) {
      return text(value);
    }
    byte[] digest = new CanonicalHasher().putString(name).putString(value).digest();
    return HIDDEN + " " + HexFormat.of().formatHex(digest).substring(0, DIGITS);
  }

  /** A text, such as a step of a plan, without logins in URLs and values that follow such names. */
  public static String text(String text) {
    return ASSIGNED
        .matcher(URL_LOGIN.matcher(text).replaceAll(HIDDEN + "@"))
        .replaceAll("$1" + java.util.regex.Matcher.quoteReplacement(HIDDEN));
  }
}
