// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** An entry that was asked for: how large it is and what it takes to compute. */
record Request(long millis, String key, long bytes, long computeNanos) {
  private static final int FIELDS = 5;

  /** Lines of {@code millis,key,bytes,computeNanos,hit|put}. */
  static List<Request> read(Path file) throws IOException {
    List<Request> requests = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      String[] fields = line.split(",", -1);
      if (fields.length != FIELDS) {
        throw new IOException(
            "Cannot read trace " + file + ": '" + line + "' has not " + FIELDS + " fields");
      }
      requests.add(
          new Request(
              Long.parseLong(fields[0]),
              fields[1],
              Long.parseLong(fields[2]),
              Long.parseLong(fields[3])));
    }
    return requests;
  }
}
