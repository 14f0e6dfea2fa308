// SPDX-License-Identifier: Apache-2.0
/**
 * What was computed, from which code and which input: plan to key, or a {@link
 * io.sparkdiskcache.fingerprint.Refusal}. Nothing unknown is ever given a key.
 */
@NullMarked
package io.sparkdiskcache.fingerprint;

import org.jspecify.annotations.NullMarked;
