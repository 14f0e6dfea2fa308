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

  Refusal refusal() {
    return refusal;
  }
}
