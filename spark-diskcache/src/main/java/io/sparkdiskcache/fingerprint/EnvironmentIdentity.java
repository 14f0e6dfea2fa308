// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.nio.charset.Charset;
import java.time.zone.ZoneRulesProvider;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The environment of the JVM that computes rows: parts of the JDK that change results between
 * builds, and defaults that code reads behind Spark's back. Mixed into keys on the executor.
 */
@Internal
public final class EnvironmentIdentity {
  private static final String TIMEZONE = "timezone";

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

  /** Facts that cannot change in a running JVM. */
  private static final SortedMap<String, String> FIXED = fixed();

  private static volatile @Nullable Look last;
  private static volatile @Nullable Digested digested;

  private EnvironmentIdentity() {}

  /**
   * The state that code can change in a running JVM, at one moment, with the facts that follow from
   * it. Comparing is far cheaper than finding the facts, and asked for with every unit.
   */
  private record Look(
      Properties source,
      Map<Object, Object> properties,
      List<Locale> locales,
      String zone,
      SortedMap<String, String> facts) {

    static Look now() {
      Look known = last;
      if (known != null && known.holds()) {
        return known;
      }
      Properties source = System.getProperties();
      Map<Object, Object> properties = Map.copyOf(source);
      List<Locale> locales = defaultLocales();
      String zone = TimeZone.getDefault().getID();
      Look look = new Look(source, properties, locales, zone, factsOf(source, locales, zone));
      if (source.stringPropertyNames().equals(properties.keySet())) { // it has no defaults below
        last = look;
      }
      return look;
    }

    @SuppressWarnings("ReferenceEquality") // another object may have defaults below
    private boolean holds() {
      return System.getProperties() == source
          && source.equals(properties)
          && defaultLocales().equals(locales)
          && TimeZone.getDefault().getID().equals(zone);
    }
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared as records
  private record Digested(SortedMap<String, String> facts, byte[] digest) {}

  /** The digest of this JVM's environment. It is not to be changed. */
  public static byte[] current() {
    SortedMap<String, String> facts = facts();
    Digested known = digested;
    if (known == null || !known.facts.equals(facts)) {
      CanonicalHasher hasher = new CanonicalHasher().putBytes(EngineIdentity.current().digest());
      facts.forEach((name, value) -> hasher.putString(name).putString(value));
      known = new Digested(facts, hasher.digest());
      digested = known;
    }
    return known.digest;
  }

  private static List<Locale> defaultLocales() {
    return List.of(
        Locale.getDefault(),
        Locale.getDefault(Locale.Category.FORMAT),
        Locale.getDefault(Locale.Category.DISPLAY));
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
    if (here.equals(driver)) {
      return Optional.empty();
    }
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

  /** The facts by name, for people; a view that cannot be changed. */
  public static SortedMap<String, String> facts() {
    return Look.now().facts();
  }

  private static SortedMap<String, String> factsOf(
      Properties properties, List<Locale> locales, String zone) {
    SortedMap<String, String> facts = new TreeMap<>(FIXED);
    for (String name : properties.stringPropertyNames()) {
      if (OF_THE_JDK.stream().anyMatch(name::startsWith)
          && WITHOUT_EFFECT.stream().noneMatch(name::startsWith)) {
        facts.put(name, properties.getProperty(name, ""));
      }
    }
    for (String name :
        new String[] {
          "java.vendor", "java.runtime.version", "os.arch", "os.name", "line.separator"
        }) {
      facts.put(name, properties.getProperty(name, ""));
    }
    facts.put("locale", locales.get(0).toLanguageTag());
    facts.put("locale.format", locales.get(1).toLanguageTag());
    facts.put("locale.display", locales.get(2).toLanguageTag());
    facts.put(TIMEZONE, zone);
    return Collections.unmodifiableSortedMap(facts);
  }

  private static SortedMap<String, String> fixed() {
    SortedMap<String, String> facts = new TreeMap<>();
    facts.put("charset", Charset.defaultCharset().name());
    facts.put("messages", String.valueOf(saysWhatIsNull()));
    facts.put("tzdata", ZoneRulesProvider.getVersions("Europe/London").lastKey());
    return facts;
  }
}
