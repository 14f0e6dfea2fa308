// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.store.OpenDirectories;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.VerifyMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ProcessStoresTest {
  @TempDir private Path temp;

  @Test
  void whatCouldNotBeOpenedIsTriedAgainLaterAndNobodyWaitsForIt() throws Exception {
    Path directory = temp.resolve("cache");
    StoreOptions options = new StoreOptions(directory, 1 << 20, VerifyMode.OPEN);
    Files.createFile(directory);
    long now = System.nanoTime();
    assertThatThrownBy(() -> ProcessStores.get(options, now)).hasMessageContaining("is a file");
    Files.delete(directory);
    assertThatThrownBy(() -> ProcessStores.get(options, now + 1))
        .as("not yet")
        .hasMessageContaining("is a file");
    assertThat(directory).doesNotExist();
    long later = now + OpenDirectories.RETRY.toNanos() + 1;
    assertThatThrownBy(() -> ProcessStores.get(options, later))
        .as("while it is tried")
        .isInstanceOf(StoreException.class);
    try {
      long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
      while (ProcessStores.find(options).isEmpty()) {
        assertThat(System.nanoTime()).as("it is not tried again").isLessThan(deadline);
        Thread.onSpinWait();
      }
      assertThat(directory).isDirectory();
    } finally {
      ProcessStores.close(directory.toString());
    }
  }
}
