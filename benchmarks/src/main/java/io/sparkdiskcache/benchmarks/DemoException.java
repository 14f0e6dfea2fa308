// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

/** The demo cannot go on; the message is all that the user needs to see. */
final class DemoException extends Exception {
  DemoException(String message) {
    super(message);
  }
}
