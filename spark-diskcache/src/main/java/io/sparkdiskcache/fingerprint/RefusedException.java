// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

/** Carries a {@link Refusal} out of a recursive walk; caught at the package's entrance only. */
final class RefusedException extends RuntimeException {
  private final Refusal refusal;

  RefusedException(Refusal refusal) {
    super(refusal.toString(), null, false, false);
    this.refusal = refusal;
  }

  static RefusedException of(Refusal.Code code, String place, String sentence) {
    return new RefusedException(new Refusal(code, place, sentence));
  }

  /** The same, with the place in the source if that is not said yet; empty adds nothing. */
  RefusedException in(String source) {
    return source.isEmpty() || refusal.sentence().contains(source)
        ? this
        : new RefusedException(
            new Refusal(refusal.code(), refusal.place(), refusal.sentence() + " (" + source + ")"));
  }

  Refusal refusal() {
    return refusal;
  }
}
