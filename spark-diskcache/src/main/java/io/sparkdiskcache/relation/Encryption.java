// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.EntryCipher;
import io.sparkdiskcache.arrow.EntryEncryption;
import io.sparkdiskcache.conf.KeySource;
import io.sparkdiskcache.store.Components;
import io.sparkdiskcache.store.OpenDirectories;
import java.io.Serializable;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How the entries of an application are encrypted. Travels to tasks; the key does not: each process
 * reads it for itself. The key's id is part of every entry's key, so that applications with another
 * one, or none, do not meet these entries at all.
 *
 * @param source where the key is
 * @param keyId which key the driver found there
 */
record Encryption(KeySource source, String keyId) implements Serializable {
  private static final Logger log = LoggerFactory.getLogger(Encryption.class);
  private static final Map<Encryption, Known> CIPHERS = new ConcurrentHashMap<>();
  private static final EntryCipher OF_PROCESS = EntryCipher.ofProcess();

  /** What was found. A key that was not to be had is looked for again after a while. */
  private record Known(Optional<EntryCipher> cipher, long nanos) {
    static Known of(Optional<EntryCipher> cipher) {
      return new Known(cipher, System.nanoTime());
    }

    boolean holds() {
      return cipher.isPresent() || System.nanoTime() - nanos < OpenDirectories.RETRY.toNanos();
    }
  }

  /**
   * For the driver.
   *
   * @return null if entries are not to be encrypted
   * @throws IllegalArgumentException if there is no key where it should be
   */
  static @Nullable Encryption of(KeySource source) {
    if (!source.isSet()) {
      return null;
    }
    EntryCipher cipher = EntryCipher.of(source.read());
    Encryption encryption = new Encryption(source, cipher.id());
    CIPHERS.put(encryption, Known.of(Optional.of(cipher)));
    return encryption;
  }

  /** The cipher in this process; empty, and logged, if the driver's key is not here. */
  Optional<EntryCipher> cipher() {
    return CIPHERS.compute(
            this, (key, known) -> known != null && known.holds() ? known : Known.of(load(key)))
        .cipher;
  }

  private static Optional<EntryCipher> load(Encryption encryption) {
    try {
      EntryCipher cipher = EntryCipher.of(encryption.source.read());
      if (cipher.id().equals(encryption.keyId)) {
        return Optional.of(cipher);
      }
      log.warn(
          "Nothing is cached on disk in this process: {} holds another key than the driver's.",
          encryption.source);
    } catch (IllegalArgumentException e) {
      log.warn("Nothing is cached on disk in this process: {}", e.getMessage());
    }
    return Optional.empty();
  }

  /** How one entry is encrypted; null if entries are plain, or the key is not here. */
  static @Nullable EntryEncryption ofEntry(@Nullable Encryption encryption, String key) {
    return Optional.ofNullable(encryption)
        .flatMap(Encryption::cipher)
        .map(cipher -> new EntryEncryption(cipher, key))
        .orElse(null);
  }

  /** For what only this process will read. */
  static EntryCipher ofProcess() {
    return OF_PROCESS;
  }

  /** The text in the index in place of components, which name files and hold literals. */
  SortedMap<String, String> seal(SortedMap<String, String> components) {
    byte[] sealed = cipher().orElseThrow().seal(Components.encode(components));
    return new TreeMap<>(Map.of(Components.ENCRYPTED, Base64.getEncoder().encodeToString(sealed)));
  }

  /** Components as they were; none if they were sealed under another key. */
  static Map<String, String> unseal(
      @Nullable Encryption encryption, Map<String, String> components) {
    String sealed = components.get(Components.ENCRYPTED);
    if (sealed == null) {
      return components;
    }
    return Optional.ofNullable(encryption)
        .flatMap(Encryption::cipher)
        .flatMap(cipher -> cipher.unseal(Base64.getDecoder().decode(sealed)))
        .map(Components::decode)
        .orElse(Map.of());
  }
}
