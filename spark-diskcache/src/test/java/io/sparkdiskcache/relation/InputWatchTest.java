// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.fingerprint.InputFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InputWatchTest {
  private static final AtomicInteger ASKED = new AtomicInteger();

  @TempDir java.nio.file.Path dir;

  /**
   * Counts the questions, and answers with an eTag: a local file system of others is not believed.
   */
  public static final class Counting extends RawLocalFileSystem {
    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
      ASKED.incrementAndGet();
      return new Tagged(
          super.getFileStatus(path), tag(java.nio.file.Path.of(path.toUri().getPath())));
    }
  }

  private static final class Tagged extends FileStatus implements EtagSource {
    private final String tag;

    Tagged(FileStatus status, String tag) throws IOException {
      super(status);
      this.tag = tag;
    }

    @Override
    public String getEtag() {
      return tag;
    }
  }

  private static String tag(java.nio.file.Path file) throws IOException {
    long changed = ((FileTime) Files.getAttribute(file, "unix:ctime")).to(TimeUnit.NANOSECONDS);
    return changed + ":" + Files.getAttribute(file, "unix:ino");
  }

  private static InputWatch watch() {
    Configuration conf = new Configuration();
    conf.setBoolean("fs.file.impl.disable.cache", true);
    conf.setClass("fs.file.impl", Counting.class, RawLocalFileSystem.class);
    ASKED.set(0);
    return new InputWatch(conf);
  }

  private InputFile input(String name) throws IOException {
    java.nio.file.Path file = Files.write(dir.resolve(name), name.getBytes(UTF_8));
    return new InputFile(
        "file:" + file,
        Files.size(file),
        Files.getLastModifiedTime(file).toMillis(),
        "etag:" + tag(file));
  }

  @Test
  void chunksOfOneFileNeedOneQuestionEachAndOneMore() throws IOException {
    InputWatch watch = watch();
    List<InputFile> file = List.of(input("a"));
    for (int chunk = 1; chunk <= 3; chunk++) {
      assertThat(watch.unchanged(file)).as("before").isTrue();
      watch.opened();
      assertThat(watch.unchanged(file)).as("after").isTrue();
      assertThat(ASKED).hasValue(chunk + 1);
    }
  }

  @Test
  void otherFilesAreAskedFor() throws IOException {
    InputWatch watch = watch();
    InputFile a = input("a");
    InputFile b = input("b");
    assertThat(watch.unchanged(List.of(a))).isTrue();
    assertThat(watch.unchanged(List.of(a, b))).isTrue();
    assertThat(ASKED).hasValue(2);
    watch.opened();
    assertThat(watch.unchanged(List.of(b))).isTrue();
    assertThat(watch.unchanged(List.of(a))).isTrue();
    assertThat(ASKED).hasValue(4);
  }

  @Test
  void changeIsSeenAfterwards() throws IOException {
    InputWatch watch = watch();
    List<InputFile> file = List.of(input("a"));
    assertThat(watch.unchanged(file)).isTrue();
    Files.delete(dir.resolve("a"));
    Files.write(dir.resolve("a"), "b".getBytes(UTF_8));
    watch.opened();
    assertThat(watch.unchanged(file)).isFalse();
    assertThat(watch.unchanged(file)).isFalse();
  }
}
