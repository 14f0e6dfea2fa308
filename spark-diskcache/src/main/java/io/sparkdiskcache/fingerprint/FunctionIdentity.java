// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

/** Gives user code an identity, or refuses by {@link RefusedException}. */
interface FunctionIdentity {

  /** Identity of a function object: its code and what it captured. */
  CodeIdentity hash(Object function, String place);

  /** Identity of all code of a class, for classes Spark instantiates itself. */
  CodeIdentity hashClass(Class<?> type, String place);

  /** Knows no user code. */
  static FunctionIdentity none() {
    return new FunctionIdentity() {
      @Override
      public CodeIdentity hash(Object function, String place) {
        throw refused(function.getClass(), place);
      }

      @Override
      public CodeIdentity hashClass(Class<?> type, String place) {
        throw refused(type, place);
      }

      private RefusedException refused(Class<?> type, String place) {
        return RefusedException.of(
            Refusal.Code.FUNCTION, place, "user code is not followed: " + type.getName());
      }
    };
  }
}
