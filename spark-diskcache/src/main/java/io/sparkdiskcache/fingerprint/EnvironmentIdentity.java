// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.nio.charset.Charset;
import java.time.zone.ZoneRulesProvider;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TimeZone;
import java.util.TreeMap;

/**
 * What the JVM that computes rows brings along: parts of the JDK that change results between
 * builds, and defaults that code reads behind Spark's back. Mixed into keys on the executor.
 */
public final class EnvironmentIdentity {
  private EnvironmentIdentity() {}

  /** The digest of this JVM's environment. */
  public static byte[] current() {
    CanonicalHasher hasher = new CanonicalHasher().putBytes(EngineIdentity.current().digest());
    facts().forEach((name, value) -> hasher.putString(name).putString(value));
    return hasher.digest();
  }

  /** -XX:-ShowCodeDetailsInExceptionMessages. */
  @SuppressWarnings({"NullAway", "ReturnValueIgnored"}) // it is the message that counts
  private static boolean saysWhatIsNull() {
    Object nothing = null;
    try {
      nothing.hashCode();
      return false;
    } catch (NullPointerException e) {
      return e.getMessage() != null;
    }
  }

  /** The facts by name, for people. */
  public static SortedMap<String, String> facts() {
    SortedMap<String, String> facts = new TreeMap<>();
    for (String name : new String[] {"java.vendor", "java.runtime.version", "os.arch"}) {
      facts.put(name, System.getProperty(name, ""));
    }
    facts.put("charset", Charset.defaultCharset().name());
    facts.put("locale", Locale.getDefault().toLanguageTag());
    facts.put("locale.format", Locale.getDefault(Locale.Category.FORMAT).toLanguageTag());
    facts.put("locale.display", Locale.getDefault(Locale.Category.DISPLAY).toLanguageTag());
    for (String name :
        new String[] {
          "os.name", "line.separator", "java.locale.providers", "java.locale.useOldISOCodes"
        }) {
      facts.put(name, System.getProperty(name, ""));
    }
    facts.put("messages", String.valueOf(saysWhatIsNull()));
    facts.put("timezone", TimeZone.getDefault().getID());
    facts.put("tzdata", ZoneRulesProvider.getVersions("Europe/London").lastKey());
    return facts;
  }
}
