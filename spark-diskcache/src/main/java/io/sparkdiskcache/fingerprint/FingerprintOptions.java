// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;

/**
 * Inputs of a fingerprint besides plan and settings.
 *
 * @param settle a file without an eTag that is younger than this is refused: its timestamp may not
 *     change with its next content
 * @param chunkBytes where splittable files are cut, for row-local plans
 * @param encoding version of the file format and the precision policy; part of every key
 * @param nested keys of cached relations below a plan
 * @param clock compared with the files' timestamps
 * @param opaque stands in for inputs without an identity; empty where they are refused
 */
@Internal
public record FingerprintOptions(
    Duration settle,
    long chunkBytes,
    String encoding,
    NestedRelations nested,
    Clock clock,
    Optional<OpaqueInputs> opaque) {
  private static final Duration DEFAULT_SETTLE = Duration.ofSeconds(2);
  private static final long DEFAULT_CHUNK_BYTES = 128L << 20;

  public FingerprintOptions {
    if (settle.isNegative()) {
      throw new IllegalArgumentException(
          "Cannot use a settle window of " + settle + ": expected zero or more");
    }
    if (chunkBytes <= 0) {
      throw new IllegalArgumentException(
          "Cannot cut files at every " + chunkBytes + " bytes: expected one or more");
    }
  }

  /** Two seconds, 128 MiB, no nested relations, the system's clock. */
  public static FingerprintOptions of(String encoding) {
    return new FingerprintOptions(
        DEFAULT_SETTLE,
        DEFAULT_CHUNK_BYTES,
        encoding,
        relation -> Optional.empty(),
        Clock.systemUTC(),
        Optional.empty());
  }

  public FingerprintOptions withSettle(Duration value) {
    return new FingerprintOptions(value, chunkBytes, encoding, nested, clock, opaque);
  }

  public FingerprintOptions withChunkBytes(long value) {
    return new FingerprintOptions(settle, value, encoding, nested, clock, opaque);
  }

  public FingerprintOptions withNested(NestedRelations value) {
    return new FingerprintOptions(settle, chunkBytes, encoding, value, clock, opaque);
  }

  public FingerprintOptions withClock(Clock value) {
    return new FingerprintOptions(settle, chunkBytes, encoding, nested, value, opaque);
  }

  public FingerprintOptions withOpaque(OpaqueInputs value) {
    return new FingerprintOptions(settle, chunkBytes, encoding, nested, clock, Optional.of(value));
  }
}
