// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Digests of functions that have to prove in tasks that they are what was hashed.
 *
 * @param ofUnits in every task that computes a unit: the function lies on the one way from the
 *     input of the unit to its rows
 * @param elsewhere below an exchange, in a broadcast side or a subquery, or on one of several ways:
 *     only where they run
 */
@Internal
public record Proofs(Set<String> ofUnits, Set<String> elsewhere) implements Serializable {
  public static final Proofs NONE = new Proofs(Set.of(), Set.of());

  public Proofs {
    ofUnits = new LinkedHashSet<>(ofUnits); // serializable whatever was given
    elsewhere = new LinkedHashSet<>(elsewhere);
  }

  public boolean isEmpty() {
    return ofUnits.isEmpty() && elsewhere.isEmpty();
  }
}
