// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/**
 * The parts of a function object.
 *
 * @param digest SHA-256 of the code that can run and of the values it reads
 * @param covered the user methods that were reached, as {@code package.Class.method}, sorted
 * @param parts short hex digests by name, for telling two identities apart: one per reached method,
 *     one per captured value or static that is read; never part of a key
 * @param changeable a value that it reads and that could change after this, for people: an array, a
 *     mutable collection, a field that is not final; only a task can tell that it did not
 * @param inMemory class files of what it reaches that is in no file: typed into a shell; by
 *     internal name
 */
@SuppressWarnings("ArrayRecordComponent") // compared by its digest, never by equals
record CodeIdentity(
    byte[] digest,
    List<String> covered,
    SortedMap<String, String> parts,
    Optional<String> changeable,
    Map<String, byte[]> inMemory) {

  /** Whether a value that it reads could change after this. */
  boolean capturesMutableState() {
    return changeable.isPresent();
  }
}
