// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import com.google.crypto.tink.subtle.AesGcmHkdfStreaming;
import com.google.crypto.tink.subtle.AesGcmJce;
import com.google.crypto.tink.subtle.Hkdf;
import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Encryption at rest, by the Tink library that comes with Spark. One secret key gives three, by
 * HKDF-SHA256: for files, for short texts, and an {@link #id} that tells keys apart without telling
 * them.
 *
 * <p>A file is encrypted as a stream of segments of 1 MiB, each by AES-256-GCM under a key of the
 * file's own (Tink's AES256-GCM-HKDF-1MB), so that a changed, cut, reordered or exchanged segment
 * is noticed; its name is authenticated too, so that no file can take the place of another. For any
 * number of threads.
 */
@Internal
public final class EntryCipher {
  /** Length of the secret key. */
  public static final int KEY_BYTES = 32;

  private static final String HMAC = "HmacSha256";
  private static final int SEGMENT_BYTES = 1 << 20;
  private static final int ID_BYTES = 8;

  private final AesGcmHkdfStreaming files;
  private final AesGcmJce texts;
  private final String id;

  private EntryCipher(byte[] key) {
    if (key.length != KEY_BYTES) {
      throw new IllegalArgumentException(
          "Cannot encrypt with a key of %d bytes: it has to have %d."
              .formatted(key.length, KEY_BYTES));
    }
    try {
      this.files =
          new AesGcmHkdfStreaming(
              derive(key, "files", KEY_BYTES), HMAC, KEY_BYTES, SEGMENT_BYTES, 0);
      this.texts = new AesGcmJce(derive(key, "texts", KEY_BYTES));
      this.id = HexFormat.of().formatHex(derive(key, "id", ID_BYTES));
    } catch (GeneralSecurityException e) {
      throw unavailable(e);
    }
  }

  /**
   * With a key that its users share.
   *
   * @param key the secret, {@link #KEY_BYTES} bytes
   * @throws IllegalArgumentException if it has another length
   */
  public static EntryCipher of(byte[] key) {
    return new EntryCipher(key);
  }

  /** With a key that nobody ever learns, for files of this process alone. */
  public static EntryCipher ofProcess() {
    byte[] key = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(key);
    return new EntryCipher(key);
  }

  private static byte[] derive(byte[] key, String purpose, int bytes)
      throws GeneralSecurityException {
    byte[] info = ("spark-diskcache " + purpose).getBytes(StandardCharsets.UTF_8);
    return Hkdf.computeHkdf(HMAC, key, new byte[0], info, bytes);
  }

  /** Tells which key it is, in hexadecimal; no secret. */
  public String id() {
    return id;
  }

  /** Encrypts a text, to other bytes each time. */
  public byte[] seal(byte[] text) {
    try {
      return texts.encrypt(text, new byte[0]);
    } catch (GeneralSecurityException e) {
      throw unavailable(e);
    }
  }

  /** The text that was sealed; empty if it was not sealed under this key, or was changed. */
  public Optional<byte[]> unseal(byte[] sealed) {
    try {
      return Optional.of(texts.decrypt(sealed, new byte[0]));
    } catch (GeneralSecurityException e) {
      return Optional.empty();
    }
  }

  /**
   * Bytes that are written to the returned channel go to {@code file} encrypted. The file is
   * complete when the channel is closed, which closes {@code file}.
   */
  WritableByteChannel encrypting(WritableByteChannel file, String name) throws IOException {
    try {
      return files.newEncryptingChannel(file, name.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw unavailable(e);
    }
  }

  /** The plain bytes; reading throws an IOException where they are not what was written. */
  SeekableByteChannel decrypting(SeekableByteChannel file, String name) throws IOException {
    try {
      return files.newSeekableDecryptingChannel(file, name.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IOException(e);
    }
  }

  private static IllegalStateException unavailable(GeneralSecurityException e) {
    return new IllegalStateException("This Java has no AES-GCM or HMAC-SHA256", e);
  }
}
