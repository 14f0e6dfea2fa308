// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import java.nio.BufferUnderflowException;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** One of each kind that code of others throws, but none that ends the process. */
public final class Throwables {
  /** Each made anew, with its own trace. */
  public static final List<Supplier<? extends Throwable>> ALL =
      List.of(
          () -> new IOException("of the test"),
          EOFException::new,
          () -> new SocketTimeoutException("of the test"),
          () -> new UncheckedIOException(new IOException("of the test")),
          () -> new IllegalStateException("of the test"),
          () -> new IllegalArgumentException("of the test"),
          () -> new UnsupportedOperationException("of the test"),
          () -> new NullPointerException("of the test"),
          () -> new ArrayIndexOutOfBoundsException(7),
          () -> new ClassCastException("of the test"),
          () -> new ArithmeticException("of the test"),
          () -> new SecurityException("of the test"),
          BufferUnderflowException::new,
          ConcurrentModificationException::new,
          NoSuchElementException::new,
          CancellationException::new,
          () -> new CompletionException(new IOException("of the test")),
          () -> new NoClassDefFoundError("of/the/Test"),
          () -> new UnsatisfiedLinkError("of the test"),
          () -> new ExceptionInInitializerError("of the test"),
          StackOverflowError::new,
          () -> new AssertionError("of the test"),
          () -> new Exception("checked, and not declared"));

  private Throwables() {}
}
