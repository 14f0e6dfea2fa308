// SPDX-License-Identifier: Apache-2.0
/** Marks on types of the project. */
@NullMarked
package io.sparkdiskcache.annotation;

import org.jspecify.annotations.NullMarked;
