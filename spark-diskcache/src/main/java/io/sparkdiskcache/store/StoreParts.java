// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.time.InstantSource;

/** The parts of an open store that most of the others work with; the store closes them. */
record StoreParts(
    CacheDirectory directory,
    Owner owner,
    Index index,
    Rows rows,
    Background background,
    Counters counters,
    Trouble trouble,
    InstantSource clock) {}
