// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.options;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CacheDirectoryTest {
  @TempDir Path temp;

  private record FakeProbe(String type, String owner, String permissions)
      implements DirectoryProbe {
    @Override
    public String fileSystemType(Path directory) {
      return type;
    }

    @Override
    public Optional<Access> access(Path directory) {
      Set<PosixFilePermission> set = PosixFilePermissions.fromString(permissions);
      return Optional.of(new Access(owner, "1000", set));
    }
  }

  private AbstractThrowableAssert<?, ?> assertRefused(Path directory, DirectoryProbe probe) {
    return assertThatThrownBy(
            () -> DiskStore.open(options(directory), probe, InstantSource.system()))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining(directory.toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "fuse.sshfs",
        "9p",
        "NFS4",
        "lustre",
        "fuse",
        "fuse.new-fs",
        "xfs2",
        ""
      })
  void fileSystemsThatAreNotKnownToBeLocalAreRefused(String type) throws Exception {
    assertRefused(temp, new FakeProbe(type, "1000", "rwx------"))
        .hasMessageContaining("(" + type + ")")
        .hasMessageContaining("local SSD");
    assertRefused(temp.resolve("a/b"), new FakeProbe(type, "1000", "rwx------"));
    assertThat(temp).isEmptyDirectory();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "apfs"})
  void localFileSystemIsAccepted(String type) throws Exception {
    FakeProbe probe = new FakeProbe(type, "1000", "rwxr-xr-x");
    DiskStore.open(options(temp), probe, InstantSource.system()).close();
    assertThat(temp.resolve("index.db")).exists();
  }

  @Test
  void aFileSystemIsAcceptedByTheUsersWordAndTheDirectoryRemembers() throws Exception {
    FakeProbe probe = new FakeProbe("fuse.gocryptfs", "1000", "rwx------");
    assertRefused(temp, probe)
        .hasMessageContaining("spark.diskcache.dir.fileSystems=fuse.gocryptfs")
        .hasMessageContaining("--file-system fuse.gocryptfs");
    StoreOptions other = options(temp, Set.of("fuse.other"));
    assertThatThrownBy(() -> DiskStore.open(other, probe, InstantSource.system()))
        .isInstanceOf(StoreException.class);
    assertThat(temp).isEmptyDirectory();
    DiskStore.open(options(temp, Set.of("fuse.gocryptfs")), probe, InstantSource.system()).close();
    DiskStore.open(options(temp), probe, InstantSource.system()).close();
    assertRefused(temp, new FakeProbe("nfs", "1000", "rwx------"));
  }

  @Test
  void aFileSystemOfWhichNothingIsKnownIsRefused() throws Exception {
    DirectoryProbe hidden =
        new DirectoryProbe() {
          @Override
          public String fileSystemType(Path directory) throws IOException {
            throw new IOException("Mount point not found");
          }

          @Override
          public Optional<Access> access(Path directory) {
            return Optional.empty();
          }
        };
    assertRefused(temp, hidden).hasMessageContaining("spark.diskcache.dir.fileSystems=unknown");
    DiskStore.open(options(temp, Set.of("unknown")), hidden, InstantSource.system()).close();
    assertThat(temp.resolve("index.db")).exists();
  }

  private static StoreOptions options(Path directory) {
    return options(directory, Set.of());
  }

  private static StoreOptions options(Path directory, Set<String> fileSystems) {
    return new StoreOptions(
        directory.toString(),
        StoreLimits.ofBytes(1 << 30),
        VerifyMode.OPEN,
        EvictionPolicy.COST,
        fileSystems,
        Set.of());
  }

  @Test
  void directoryOfAnotherUserIsRefused() throws Exception {
    assertRefused(temp, new FakeProbe("ext4", "0", "rwx------"))
        .hasMessageContaining("owned by user 0 and this process runs as 1000");
    assertThat(files(temp)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwxrwx---", "rwx---rwx", "rwx----w-"})
  void directoryThatOthersMayWriteIsRefused(String permissions) throws Exception {
    assertRefused(temp, new FakeProbe("ext4", "1000", permissions))
        .hasMessageContaining("chmod 700");
    Files.setPosixFilePermissions(temp, PosixFilePermissions.fromString(permissions));
    assertRefused(temp, DirectoryProbe.system()).hasMessageContaining("chmod 700");
    assertThat(files(temp)).isEmpty();
  }

  @Test
  void systemProbeKnowsThisDirectory() throws Exception {
    DirectoryProbe.Access access = DirectoryProbe.system().access(temp).orElseThrow();
    assertThat(access.owner()).isEqualTo(access.user());
    assertThat(DirectoryProbe.system().fileSystemType(temp)).isNotBlank();
  }

  @Test
  void fileIsRefused() throws Exception {
    Path file = Files.createFile(temp.resolve("file"));
    assertRefused(file, DirectoryProbe.system()).hasMessageContaining("it is a file");
    assertRefused(file.resolve("below"), DirectoryProbe.system())
        .hasMessageContaining("name another directory");
  }

  @Test
  void newerFormatIsRefusedUntouched() throws Exception {
    open(temp).close();
    Files.writeString(
        temp.resolve("format"), "spark-diskcache " + (CacheDirectory.FORMAT + 1) + "\n");
    Map<String, Long> before = modificationTimes();
    assertRefused(temp, DirectoryProbe.system())
        .hasMessageContaining("has format " + (CacheDirectory.FORMAT + 1))
        .hasMessageContaining("reads format " + CacheDirectory.FORMAT)
        .hasMessageContaining("Use the spark-diskcache version that wrote it");
    assertThat(modificationTimes()).isEqualTo(before);
  }

  @Test
  void newerIndexIsRefusedAndKept() throws Exception {
    open(temp).close();
    try (var connection = StoreFixture.connect(temp);
        var statement = connection.createStatement()) {
      statement.execute("PRAGMA user_version = 7");
    }
    assertRefused(temp, DirectoryProbe.system()).hasMessageContaining("has format 7");
    assertThat(files(temp.resolve("quarantine"))).isEmpty();
    assertThat(files(temp.resolve("tmp"))).isEmpty();
  }

  @Test
  void unknownFormatIsRefused() throws Exception {
    Files.writeString(temp.resolve("format"), "something else");
    assertRefused(temp, DirectoryProbe.system()).hasMessageContaining("'something else'");
    assertThat(files(temp)).containsExactly("format");
  }

  private Map<String, Long> modificationTimes() throws Exception {
    Map<String, Long> times = new TreeMap<>();
    try (var walk = Files.walk(temp)) {
      for (Path path : walk.toList()) {
        times.put(path.toString(), Files.getLastModifiedTime(path).toMillis());
      }
    }
    return times;
  }
}
