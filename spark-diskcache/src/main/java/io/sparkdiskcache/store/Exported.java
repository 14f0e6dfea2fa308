// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/**
 * The entries that were to be exported, by outcome.
 *
 * @param written into the file
 * @param members of results that are kept whole or not at all: by themselves they are nothing
 * @param unreadable gone since they were listed, or damaged
 */
@Internal
public record Exported(long written, long members, long unreadable) {}
