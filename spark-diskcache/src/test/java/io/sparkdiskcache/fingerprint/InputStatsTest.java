// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.hdfs.protocol.HdfsFileStatus;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InputStatsTest {
  private static final Duration SETTLE = Duration.ofSeconds(2);

  @TempDir java.nio.file.Path dir;

  /** A local file system that gives eTags, as object stores do. */
  public static final class Etags extends RawLocalFileSystem {
    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
      return new Tagged(super.getFileStatus(path));
    }

    private static final class Tagged extends FileStatus implements EtagSource {
      Tagged(FileStatus other) throws IOException {
        super(other);
      }

      @Override
      public String getEtag() {
        return "v1";
      }
    }
  }

  /** A local file system whose status is that of HDFS: an inode, and times that can be set. */
  public static final class Hdfs extends RawLocalFileSystem {
    static volatile long inode = 1;

    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
      FileStatus status = super.getFileStatus(path);
      return (FileStatus)
          new HdfsFileStatus.Builder()
              .length(status.getLen())
              .mtime(1000)
              .path(path.getName().getBytes(UTF_8))
              .fileId(inode)
              .build();
    }
  }

  private static Configuration conf() {
    Configuration conf = new Configuration();
    conf.setBoolean("fs.file.impl.disable.cache", true);
    return conf;
  }

  private InputFile stat(java.nio.file.Path file, Duration afterChange, Configuration conf)
      throws IOException {
    InputStats.Seen seen = look(file, afterChange, conf);
    assertThat(seen.unsettled()).isEmpty();
    return seen.file();
  }

  private InputStats.Seen look(java.nio.file.Path file, Duration afterChange, Configuration conf)
      throws IOException {
    Instant changed = ((FileTime) Files.getAttribute(file, "unix:ctime")).toInstant();
    Clock clock = Clock.fixed(changed.plus(afterChange), ZoneOffset.UTC);
    return new InputStats(SETTLE, clock).stat(new Path(file.toUri()), conf, "here");
  }

  private java.nio.file.Path write(String text) throws IOException {
    return Files.write(dir.resolve("a.txt"), text.getBytes(UTF_8));
  }

  @Test
  void settledLocalFileIsKnownByChangeTimeAndInode() throws IOException {
    java.nio.file.Path file = write("one");
    InputFile input = stat(file, Duration.ofSeconds(3), conf());
    assertThat(input.path()).isEqualTo("file:" + file);
    assertThat(input.length()).isEqualTo(3);
    assertThat(input.modificationTime()).isEqualTo(Files.getLastModifiedTime(file).toMillis());
    assertThat(input.version()).endsWith(":" + Files.getAttribute(file, "unix:ino"));
    assertThat(InputStats.unchanged(input, conf())).isTrue();
  }

  @Test
  void youngFileIsUnsettled() throws IOException {
    java.nio.file.Path file = write("one");
    assertThat(look(file, Duration.ofSeconds(2), conf()).unsettled())
        .get()
        .asString()
        .contains("a.txt");
  }

  @Test
  void restoredModificationTimeDoesNotMakeAFileOld() throws IOException {
    java.nio.file.Path file = write("one");
    Files.setLastModifiedTime(file, FileTime.from(Instant.EPOCH));
    assertThat(look(file, Duration.ofSeconds(1), conf()).unsettled())
        .get()
        .asString()
        .contains("a.txt");
  }

  @Test
  void modificationTimeInTheFutureIsUnsettled() throws IOException {
    java.nio.file.Path file = write("one");
    Files.setLastModifiedTime(file, FileTime.from(Instant.now().plus(Duration.ofDays(9))));
    assertThat(look(file, Duration.ofSeconds(3), conf()).unsettled())
        .get()
        .asString()
        .contains("a.txt");
  }

  @Test
  void replacementOfTheSameLengthAndTimeIsAChange() throws IOException {
    java.nio.file.Path file = write("one");
    InputFile input = stat(file, Duration.ofSeconds(3), conf());
    java.nio.file.Path other = Files.write(dir.resolve("b.txt"), "two".getBytes(UTF_8));
    Files.setLastModifiedTime(other, Files.getLastModifiedTime(file));
    Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
    assertThat(InputStats.unchanged(input, conf())).isFalse();
  }

  @Test
  void eTagNeedsNoSettling() throws IOException {
    Configuration conf = conf();
    conf.setClass("fs.file.impl", Etags.class, RawLocalFileSystem.class);
    InputFile input = stat(write("one"), Duration.ZERO, conf);
    assertThat(input.version()).isEqualTo("etag:v1");
    assertThat(InputStats.unchanged(input, conf)).isTrue();
  }

  @Test
  void anotherInodeOfHdfsIsAnotherFile() throws IOException {
    Configuration conf = conf();
    conf.setClass("fs.file.impl", Hdfs.class, RawLocalFileSystem.class);
    java.nio.file.Path file = write("one");
    InputFile input = stat(file, Duration.ofSeconds(3), conf);
    assertThat(input.version()).isEqualTo("hdfs:" + Hdfs.inode);
    assertThat(InputStats.unchanged(input, conf)).isTrue();
    Hdfs.inode = 2;
    assertThat(InputStats.unchanged(input, conf)).isFalse();
  }

  @Test
  void manyFilesAreUnchangedOnlyIfAllAre() throws IOException {
    List<InputFile> inputs = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      java.nio.file.Path file = Files.write(dir.resolve(i + ".txt"), new byte[] {(byte) i});
      inputs.add(stat(file, Duration.ofSeconds(3), conf()));
    }
    assertThat(InputStats.unchanged(inputs, conf())).isTrue();
    Files.delete(dir.resolve("77.txt"));
    assertThat(InputStats.unchanged(inputs, conf())).isFalse();
  }

  @Test
  void directoryAndMissingFileAreUnreadable() {
    for (java.nio.file.Path path : new java.nio.file.Path[] {dir, dir.resolve("none")}) {
      assertThatThrownBy(
              () ->
                  new InputStats(SETTLE, Clock.systemUTC())
                      .stat(new Path(path.toUri()), conf(), "here"))
          .hasMessageContaining("INPUT_UNREADABLE")
          .hasMessageContaining(path.getFileName().toString());
    }
  }
}
