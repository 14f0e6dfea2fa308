// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/**
 * Threads of the cache, which live as long as the process. They inherit no thread locals: the
 * session that was active when one is made would not be let go of when its application has ended.
 */
@Internal
public final class Threads {
  private Threads() {}

  /** A thread that does not keep the process from ending; to be started by the caller. */
  public static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(null, task, name, 0, false);
    thread.setDaemon(true);
    return thread;
  }

  /** Has a task run when the process ends. */
  public static void atExit(Runnable task, String name) {
    Runtime.getRuntime().addShutdownHook(new Thread(null, task, name, 0, false));
  }
}
