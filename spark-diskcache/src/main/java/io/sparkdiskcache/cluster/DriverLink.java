// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.DiskStore;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.spark.api.plugin.PluginContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An executor's way to its driver. */
final class DriverLink {
  private static final Logger log = LoggerFactory.getLogger(DriverLink.class);

  private final PluginContext context;
  private final Supplier<Optional<DiskStore>> store;
  private final ClassLoader classes =
      Objects.requireNonNull(DriverLink.class.getClassLoader(), "classes of a jar have one");

  /**
   * @param store where failures are counted, if it can be used
   */
  DriverLink(PluginContext context, Supplier<Optional<DiskStore>> store) {
    this.context = context;
    this.store = store;
  }

  String executor() {
    return context.executorID();
  }

  Optional<DiskStore> store() {
    return store.get();
  }

  /** Asks with the class loader of the plugin, as Spark has it when it starts one. */
  @SuppressWarnings("unchecked") // the driver answers each message with its own type
  <R> R ask(Message<R> message) throws Exception {
    Thread current = Thread.currentThread();
    ClassLoader before = current.getContextClassLoader();
    current.setContextClassLoader(classes);
    try {
      return (R) Wire.decode(Objects.requireNonNull(context.ask(Wire.encode(message))));
    } finally {
      current.setContextClassLoader(before);
    }
  }

  /**
   * Asks, and goes on without an answer if there is none.
   *
   * @param problem see {@link #unanswered}
   */
  <R> R ask(Message<R> message, String problem, R otherwise) {
    try {
      return ask(message);
    } catch (Exception e) {
      unanswered(problem, e);
      return otherwise;
    }
  }

  /**
   * A question without an answer. A task that is being killed sees to that itself; anything else is
   * counted and told.
   *
   * @param problem what becomes of it, one of a fixed set of phrases
   */
  void unanswered(String problem, Exception e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
      return;
    }
    String what = problem + ": the driver does not answer";
    store
        .get()
        .ifPresentOrElse(
            of -> of.countError(what, e), () -> log.warn("{}: {}", what, e.toString()));
  }
}
