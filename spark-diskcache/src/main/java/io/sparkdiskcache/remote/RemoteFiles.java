// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import java.io.IOException;
import java.time.Instant;

/**
 * The objects of a remote tier by their names below its layout, such as {@code ab/cd/KEY.arrow},
 * for who works on all of them.
 */
interface RemoteFiles extends AutoCloseable {
  /** An object as a listing shows it. */
  record Found(String name, long bytes, Instant modified) {}

  /** Takes an object of a listing. */
  interface Visitor {
    void visit(Found found) throws IOException;
  }

  /** All objects below a folder, or of all; none if there is no such folder. */
  void forEach(String folder, Visitor visitor) throws IOException;

  /** So many bytes from a position on. */
  byte[] read(String name, long from, int length) throws IOException;

  /** Quietly, if there is none. */
  void delete(String name) throws IOException;

  /** In the place of another. */
  void write(String name, byte[] content) throws IOException;

  /** A file of this host under a name of the tier, whole or not at all. */
  void copy(java.nio.file.Path file, String name) throws IOException;

  @Override
  void close() throws IOException;
}
