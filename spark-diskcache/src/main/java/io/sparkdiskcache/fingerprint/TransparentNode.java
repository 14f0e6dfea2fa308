// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

/** A plan node of ours that hands on the rows of its only child: what is below it is the query. */
public interface TransparentNode {}
