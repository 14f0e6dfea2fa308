// SPDX-License-Identifier: Apache-2.0
/**
 * Memoised functions: {@link io.sparkdiskcache.memo.Memoizer} makes a column function of one whose
 * calls cost money or seconds, and each distinct input is called once.
 */
@NullMarked
package io.sparkdiskcache.memo;

import org.jspecify.annotations.NullMarked;
