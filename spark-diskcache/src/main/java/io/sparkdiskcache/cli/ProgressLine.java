// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.Progress;
import io.sparkdiskcache.store.Quantities;
import java.io.PrintWriter;
import java.util.concurrent.TimeUnit;

/** One line that is written over, for work that takes longer than a second, on a terminal only. */
final class ProgressLine implements Progress, AutoCloseable {
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
  private static final int WIDTH = 30;

  private final PrintWriter terminal;
  private final boolean visible;
  private long next = System.nanoTime() + PATIENCE_NANOS;
  private boolean shown;

  ProgressLine(PrintWriter terminal, boolean visible) {
    this.terminal = terminal;
    this.visible = visible;
  }

  @Override
  public void at(long done, long total) {
    long now = System.nanoTime();
    if (visible && total > 0 && now - next >= 0) {
      next = now + EVERY_NANOS;
      shown = true;
      int filled = (int) (WIDTH * Math.min(done, total) / total);
      terminal.printf(
          "\r[%s%s] %s of %s ",
          "#".repeat(filled),
          ".".repeat(WIDTH - filled),
          Quantities.humanBytes(done),
          Quantities.humanBytes(total));
      terminal.flush();
    }
  }

  @Override
  public void close() {
    if (shown) {
      terminal.print("\r" + " ".repeat(WIDTH + 40) + "\r");
      terminal.flush();
    }
  }
}
