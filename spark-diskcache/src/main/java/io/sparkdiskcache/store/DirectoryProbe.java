// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Optional;
import java.util.Set;

/** Facts of the operating system about a directory. */
interface DirectoryProbe {
  /** As in the mount table: ext4, xfs, nfs4, fuse.sshfs. */
  String fileSystemType(Path directory) throws IOException;

  /** Whose it is and who may do what; empty where files have no POSIX permissions. */
  Optional<Access> access(Path directory) throws IOException;

  /** Of the disk the directory lies on, in bytes. */
  default Space space(Path directory) throws IOException {
    FileStore store = Files.getFileStore(directory);
    return new Space() {
      @Override
      public long total() throws IOException {
        return store.getTotalSpace();
      }

      @Override
      public long usable() throws IOException {
        return store.getUsableSpace();
      }
    };
  }

  /** How large a disk is and how much of it this user may still write. */
  interface Space {
    long total() throws IOException;

    long usable() throws IOException;
  }

  /**
   * Ownership and mode of a directory.
   *
   * @param owner of the directory, and {@code user} of this process, in the same notation
   */
  record Access(String owner, String user, Set<PosixFilePermission> permissions) {}

  static DirectoryProbe system() {
    return new DirectoryProbe() {
      private static final Path SELF = Path.of("/proc/self");

      @Override
      public String fileSystemType(Path directory) throws IOException {
        return Files.getFileStore(directory).type();
      }

      @Override
      public Optional<Access> access(Path directory) throws IOException {
        if (!directory.getFileSystem().supportedFileAttributeViews().contains("unix")) {
          return Optional.empty();
        }
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(directory);
        // Numbers where possible: in containers the user often has no name.
        if (Files.exists(SELF)) {
          return Optional.of(new Access(uid(directory), uid(SELF), permissions));
        }
        return Optional.of(
            new Access(
                Files.getOwner(directory).getName(), System.getProperty("user.name"), permissions));
      }

      private String uid(Path path) throws IOException {
        return String.valueOf(Files.getAttribute(path, "unix:uid"));
      }
    };
  }
}
