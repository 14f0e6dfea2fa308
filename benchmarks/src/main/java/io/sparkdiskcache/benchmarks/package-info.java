// SPDX-License-Identifier: Apache-2.0
/**
 * The demo: one ETL job over TPC-H data, run in separate applications with and without the cache.
 * {@link io.sparkdiskcache.benchmarks.Demo} is what {@code bin/demo} starts; it runs {@link
 * io.sparkdiskcache.benchmarks.TpchData}, {@link io.sparkdiskcache.benchmarks.JobRun} and {@link
 * io.sparkdiskcache.benchmarks.CompareOutputs} in JVMs of their own.
 */
@NullMarked
package io.sparkdiskcache.benchmarks;

import org.jspecify.annotations.NullMarked;
