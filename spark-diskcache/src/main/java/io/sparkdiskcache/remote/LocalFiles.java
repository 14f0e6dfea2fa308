// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.UUID;

/** A tier in a directory that is mounted here, without Hadoop. */
final class LocalFiles implements RemoteFiles {
  private static final FileAttribute<?> FOLDER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<?> FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path root;

  LocalFiles(Path root) {
    this.root = root;
  }

  @Override
  public void forEach(String folder, Visitor visitor) throws IOException {
    Path from = root.resolve(folder);
    if (!Files.isDirectory(from)) {
      return;
    }
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            visitor.visit(
                new Found(
                    root.relativize(file).toString(),
                    attributes.size(),
                    attributes.lastModifiedTime().toInstant()));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE; // removed since it was listed
            }
            throw e;
          }
        });
  }

  @Override
  public byte[] read(String name, long from, int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    try (FileChannel file = FileChannel.open(root.resolve(name), StandardOpenOption.READ)) {
      while (bytes.hasRemaining()) {
        if (file.read(bytes, from + bytes.position()) < 0) {
          throw new EOFException(name + " has fewer than " + (from + length) + " bytes");
        }
      }
    }
    return bytes.array();
  }

  @Override
  public void delete(String name) throws IOException {
    Files.deleteIfExists(root.resolve(name));
  }

  @Override
  public void write(String name, byte[] content) throws IOException {
    Path temporary = temporary(name);
    Files.write(temporary, content);
    rename(temporary, name);
  }

  @Override
  public void copy(Path file, String name) throws IOException {
    Path temporary = temporary(name);
    Files.copy(file, temporary, StandardCopyOption.REPLACE_EXISTING);
    rename(temporary, name);
  }

  private Path temporary(String name) throws IOException {
    Path folder = Files.createDirectories(root.resolve("tmp"), FOLDER);
    String last = name.substring(name.lastIndexOf('/') + 1);
    return Files.createFile(folder.resolve(last + "." + UUID.randomUUID()), FILE);
  }

  private void rename(Path temporary, String name) throws IOException {
    boolean renamed = false;
    try {
      Path target = root.resolve(name);
      Files.createDirectories(Objects.requireNonNull(target.getParent()), FOLDER);
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      renamed = true;
    } finally {
      if (!renamed) {
        Files.deleteIfExists(temporary);
      }
    }
  }

  @Override
  public void close() {}
}
