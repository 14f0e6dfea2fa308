// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.nio.charset.Charset;
import java.time.zone.ZoneRulesProvider;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The environment of the JVM that computes rows: parts of the JDK that change results between
 * builds, and defaults that code reads behind Spark's back. Mixed into keys on the executor.
 */
@Internal
public final class EnvironmentIdentity {
  private static final String TIMEZONE = "timezone";
  private static final String MESSAGES = String.valueOf(saysWhatIsNull());

  /** Properties that the JDK may read while it computes, whoever set them. */
  private static final List<String> OF_THE_JDK = List.of("java.", "javax.", "jdk.", "sun.");

  /**
   * Of these the ones that say what is said elsewhere, where something is, or how the process talks
   * to others.
   */
  private static final List<String> WITHOUT_EFFECT =
      List.of(
          "java.awt.",
          "java.class.",
          "java.home",
          "java.io.tmpdir",
          "java.library.",
          "java.net.",
          "java.protocol.",
          "java.rmi.",
          "java.runtime.",
          "java.security.auth.",
          "java.security.egd",
          "java.security.krb5.",
          "java.security.manager",
          "java.security.policy",
          "java.specification.",
          "java.util.logging.",
          "java.vendor",
          "java.version",
          "java.vm.",
          "javax.management.",
          "javax.net.",
          "jdk.debug",
          "jdk.httpclient.",
          "jdk.internal.",
          "jdk.module.",
          "jdk.net.",
          "jdk.reflect.",
          "jdk.tls.",
          "sun.arch.",
          "sun.boot.",
          "sun.cpu.",
          "sun.desktop",
          "sun.io.",
          "sun.java.",
          "sun.jnu.",
          "sun.management.",
          "sun.net.",
          "sun.nio.",
          "sun.os.",
          "sun.rmi.",
          "sun.security.",
          "sun.std");

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

  /**
   * A fact that is another one in this JVM.
   *
   * @param there as it is in the driver
   */
  public record Difference(String name, String here, String there) {}

  /** The first fact that differs between the driver and this JVM, or that only one of them has. */
  public static Optional<Difference> difference(SortedMap<String, String> driver) {
    SortedMap<String, String> here = facts();
    SortedSet<String> names = new TreeSet<>(driver.keySet());
    names.addAll(here.keySet());
    for (String name : names) {
      String mine = here.getOrDefault(name, "");
      String theirs = driver.getOrDefault(name, "");
      boolean same = name.equals(TIMEZONE) ? isSameZone(theirs, mine) : theirs.equals(mine);
      if (!same) {
        return Optional.of(new Difference(name, mine, theirs));
      }
    }
    return Optional.empty();
  }

  /** Of the same rules and names: an executor's own "Etc/UTC" is the driver's "UTC". */
  static boolean isSameZone(String one, String other) {
    if (one.equals(other)) {
      return true;
    }
    TimeZone a = TimeZone.getTimeZone(one);
    TimeZone b = TimeZone.getTimeZone(other);
    return a.toZoneId().getRules().equals(b.toZoneId().getRules())
        && name(a, TimeZone.SHORT).equals(name(b, TimeZone.SHORT))
        && name(a, TimeZone.LONG).equals(name(b, TimeZone.LONG));
  }

  private static String name(TimeZone zone, int style) {
    return zone.getDisplayName(false, style, Locale.ROOT)
        + zone.getDisplayName(true, style, Locale.ROOT);
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
    for (String name : new String[] {"os.name", "line.separator"}) {
      facts.put(name, System.getProperty(name, ""));
    }
    for (String name : System.getProperties().stringPropertyNames()) {
      if (OF_THE_JDK.stream().anyMatch(name::startsWith)
          && WITHOUT_EFFECT.stream().noneMatch(name::startsWith)) {
        facts.put(name, System.getProperty(name, ""));
      }
    }
    facts.put("messages", MESSAGES);
    facts.put(TIMEZONE, TimeZone.getDefault().getID());
    facts.put("tzdata", ZoneRulesProvider.getVersions("Europe/London").lastKey());
    return facts;
  }
}
