// SPDX-License-Identifier: Apache-2.0
/**
 * The command line, on the same jar and without Spark: {@link io.sparkdiskcache.cli.Main} is the
 * entrance, one class a command.
 */
@NullMarked
package io.sparkdiskcache.cli;

import org.jspecify.annotations.NullMarked;
