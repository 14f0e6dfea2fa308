// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Foreign;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;

/** A tier on a file system of Hadoop. */
final class HadoopFiles implements RemoteFiles {
  private final Path root;
  private final String who;
  private final FileSystem fs;

  /**
   * @param settings of Hadoop, besides those of {@code core-site.xml} on the class path
   */
  HadoopFiles(URI root, Map<String, String> settings) throws IOException {
    this.root = new Path(root);
    this.who = "the file system of '" + root + "'";
    Configuration conf = new Configuration();
    settings.forEach(conf::set);
    this.fs = Foreign.call(who, () -> FileSystem.newInstance(root, conf));
    fs.setVerifyChecksum(false);
    fs.setWriteChecksum(false);
  }

  private interface Work {
    void run() throws Exception;
  }

  private void call(Work work) throws IOException {
    Foreign.call(
        who,
        () -> {
          work.run();
          return true;
        });
  }

  @Override
  public void forEach(String folder, Visitor visitor) throws IOException {
    Path from = folder.isEmpty() ? root : new Path(root, folder);
    int skipped = fs.makeQualified(root).toUri().getPath().length() + 1;
    try {
      call(
          () -> {
            RemoteIterator<LocatedFileStatus> files = fs.listFiles(from, true);
            while (files.hasNext()) {
              LocatedFileStatus file = files.next();
              visitor.visit(
                  new Found(
                      file.getPath().toUri().getPath().substring(skipped),
                      file.getLen(),
                      Instant.ofEpochMilli(file.getModificationTime())));
            }
          });
    } catch (FileNotFoundException e) {
      return; // nothing was ever written
    }
  }

  @Override
  public byte[] read(String name, long from, int length) throws IOException {
    byte[] bytes = new byte[length];
    call(
        () -> {
          try (FSDataInputStream in = fs.open(new Path(root, name))) {
            in.readFully(from, bytes);
          }
        });
    return bytes;
  }

  @Override
  public void delete(String name) throws IOException {
    call(() -> fs.delete(new Path(root, name), false));
  }

  @Override
  public void write(String name, byte[] content) throws IOException {
    create(name, out -> out.write(content));
  }

  @Override
  public void copy(java.nio.file.Path file, String name) throws IOException {
    create(name, out -> Files.copy(file, out));
  }

  private interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  private void create(String name, Content content) throws IOException {
    Path target = new Path(root, name);
    Path temporary = new Path(root, "tmp/" + target.getName() + "." + UUID.randomUUID());
    call(
        () -> {
          boolean renamed = false;
          try {
            try (OutputStream out = fs.createFile(temporary).overwrite(false).recursive().build()) {
              content.writeTo(out);
            }
            fs.mkdirs(target.getParent());
            fs.delete(target, false);
            renamed = fs.rename(temporary, target);
            if (!renamed) {
              throw new IOException("'%s' could not be renamed to '%s'".formatted(temporary, name));
            }
          } finally {
            if (!renamed) {
              fs.delete(temporary, false);
            }
          }
        });
  }

  @Override
  public void close() throws IOException {
    call(fs::close);
  }
}
