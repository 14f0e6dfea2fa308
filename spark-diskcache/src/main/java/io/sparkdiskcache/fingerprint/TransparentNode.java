// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;

/** A plan node of ours that hands on the rows of its only child: what is below it is the query. */
@Internal
public interface TransparentNode {}
