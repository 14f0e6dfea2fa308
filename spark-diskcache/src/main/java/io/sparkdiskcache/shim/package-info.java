// SPDX-License-Identifier: Apache-2.0
/**
 * Calls into Spark that are not its public API and may differ between versions, each behind one
 * method of {@link io.sparkdiskcache.shim.SparkInternals}.
 */
@NullMarked
package io.sparkdiskcache.shim;

import org.jspecify.annotations.NullMarked;
