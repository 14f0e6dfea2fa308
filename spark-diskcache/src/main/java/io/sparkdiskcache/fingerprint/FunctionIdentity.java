// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

/** Gives user code an identity, or refuses by {@link RefusedException}. */
interface FunctionIdentity {

  /** Identity of a function object: its code and what it captured. */
  CodeIdentity hash(Object function, String place);

  /** Identity of all code of a class, for classes Spark instantiates itself. */
  CodeIdentity hashClass(Class<?> type, String place);
}
