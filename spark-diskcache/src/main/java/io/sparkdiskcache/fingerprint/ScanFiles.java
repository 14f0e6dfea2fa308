// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.ListingPartition;
import org.apache.spark.sql.execution.PartitionedFileUtil;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.FilePartition;
import org.apache.spark.sql.execution.datasources.FileScanRDD;
import org.apache.spark.sql.execution.datasources.FileStatusWithMetadata;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.apache.spark.sql.execution.datasources.PartitionedFile;
import org.apache.spark.sql.types.StructType;

/**
 * The files of one scan: Spark's listing, each file asked for its status again.
 *
 * <p>The listing may be old (Spark keeps it), and it has lost the eTags. A file that is no longer
 * what was listed would be read under constants of its former self, so it is refused.
 */
final class ScanFiles {
  private final FileSourceScanExec scan;
  private final List<Listed> files;
  private final Encoding encoding;
  private final FunctionIdentity functions;

  private record Listed(
      FileStatusWithMetadata status, InternalRow partition, InputStats.Seen seen) {
    InputFile input() {
      return seen.file();
    }
  }

  private ScanFiles(
      FileSourceScanExec scan, List<Listed> files, Encoding encoding, FunctionIdentity functions) {
    this.scan = scan;
    this.files = files;
    this.encoding = encoding;
    this.functions = functions;
  }

  /** Lists what the scan reads before dynamic pruning. */
  static ScanFiles of(
      FileSourceScanExec scan,
      InputStats stats,
      Configuration conf,
      Encoding encoding,
      FunctionIdentity functions) {
    List<FileStatusWithMetadata> statuses = new ArrayList<>();
    List<InternalRow> partitions = new ArrayList<>();
    for (ListingPartition partition :
        ScalaInterop.iterable(scan.selectedPartitions().filePartitionIterator())) {
      for (FileStatusWithMetadata status : ScalaInterop.iterable(partition.files())) {
        if (status.metadata().nonEmpty() && !DeltaScans.isDelta(scan.relation())) {
          throw encoding.refused(
              Refusal.Code.SOURCE, "the listing of " + status.getPath() + " has foreign columns");
        }
        statuses.add(status);
        partitions.add(partition.values());
      }
    }
    List<Path> paths = statuses.stream().map(FileStatusWithMetadata::getPath).toList();
    List<InputStats.Seen> inputs = stats.statAll(paths, conf, encoding.place());
    List<Listed> files = new ArrayList<>(inputs.size());
    for (int i = 0; i < inputs.size(); i++) {
      InputFile input = inputs.get(i).file();
      FileStatusWithMetadata status = statuses.get(i);
      if (input.length() != status.getLen()
          || input.modificationTime() != status.getModificationTime()) {
        throw encoding.refused(
            Refusal.Code.INPUT_UNREADABLE,
            input.path()
                + " changed since it was listed; read the path again or REFRESH the table");
      }
      files.add(new Listed(status, partitions.get(i), inputs.get(i)));
    }
    return new ScanFiles(scan, files, encoding, functions);
  }

  FileSourceScanExec scan() {
    return scan;
  }

  /** Whether these are the files of this very node, not of an equal one. */
  boolean isOf(SparkPlan node) {
    SparkPlan own = scan;
    return own == node;
  }

  List<InputFile> inputs() {
    return files.stream().map(Listed::input).toList();
  }

  /** Whole files with their partition values; the order of a listing has no meaning. */
  byte[] complete() {
    List<byte[]> digests = new ArrayList<>(files.size());
    for (Listed file : files) {
      InputFile input = file.input();
      digests.add(identity(input, 0, input.length(), file.partition, file.status.metadata()));
    }
    return new CanonicalHasher().putUnordered(digests).digest();
  }

  /** A piece of a file as Spark cuts it. */
  private record Split(Listed file, boolean splittable) {}

  /**
   * The chunks that each of Spark's own partitions reads, by index and in order. Files of a format
   * that can be split are cut at multiples of {@code chunkBytes} of their own length as well, so
   * that a chunk between two of Spark's cuts is the same whatever the number of cores and the other
   * files. Only without bucketing and dynamic pruning.
   */
  List<List<FileChunk>> chunks(long chunkBytes) {
    SparkSession session = scan.relation().sparkSession();
    long maxSplitBytes = FilePartition.maxSplitBytes(session, scan.selectedPartitions());
    IdentityHashMap<PartitionedFile, Split> origins = new IdentityHashMap<>();
    List<PartitionedFile> splits = new ArrayList<>();
    for (Listed file : files) {
      Split origin = new Split(file, isSplittable(file));
      for (PartitionedFile split :
          ScalaInterop.list(
              PartitionedFileUtil.splitFiles(
                  file.status,
                  file.status.getPath(),
                  origin.splittable,
                  maxSplitBytes,
                  file.partition))) {
        origins.put(split, origin);
        splits.add(split);
      }
    }
    splits.sort((a, b) -> Long.compare(b.length(), a.length()));
    List<List<FileChunk>> partitions = new ArrayList<>();
    for (FilePartition partition :
        ScalaInterop.list(
            FilePartition.getFilePartitions(session, ScalaInterop.seq(splits), maxSplitBytes))) {
      List<FileChunk> chunks = new ArrayList<>();
      for (PartitionedFile split : partition.files()) {
        addChunks(Objects.requireNonNull(origins.get(split)), split, chunkBytes, chunks);
      }
      partitions.add(List.copyOf(chunks));
    }
    return List.copyOf(partitions);
  }

  private boolean isSplittable(Listed file) {
    HadoopFsRelation relation = scan.relation();
    return relation
        .fileFormat()
        .isSplitable(relation.sparkSession(), relation.options(), file.status.getPath());
  }

  private void addChunks(Split origin, PartitionedFile split, long chunkBytes, List<FileChunk> to) {
    Listed file = origin.file;
    long end = split.start() + split.length();
    if (!origin.splittable || end <= nextCut(split.start(), chunkBytes)) {
      to.add(chunk(file.seen, split));
      return;
    }
    long start = split.start();
    while (start < end) {
      long stop = Math.min(end, nextCut(start, chunkBytes));
      PartitionedFile piece =
          PartitionedFileUtil.getPartitionedFile(
              file.status, file.status.getPath(), file.partition, start, stop - start);
      to.add(chunk(file.seen, piece));
      start = stop;
    }
  }

  private static long nextCut(long start, long chunkBytes) {
    return (start / chunkBytes + 1) * chunkBytes;
  }

  /** The chunks of each of Spark's own partitions, by index. Only without dynamic pruning. */
  List<List<FileChunk>> partitions() {
    Map<Path, InputStats.Seen> byPath = new HashMap<>();
    for (Listed file : files) {
      byPath.put(file.status.getPath(), file.seen);
    }
    FileScanRDD rdd = (FileScanRDD) scan.inputRDD();
    List<List<FileChunk>> partitions = new ArrayList<>();
    for (FilePartition partition : ScalaInterop.list(rdd.filePartitions())) {
      List<FileChunk> chunks = new ArrayList<>();
      for (PartitionedFile split : partition.files()) {
        InputStats.Seen input = byPath.get(split.toPath());
        if (input == null) {
          throw encoding.refused(
              Refusal.Code.INPUT_UNREADABLE, split.filePath() + " is read but was not listed");
        }
        chunks.add(chunk(input, split));
      }
      partitions.add(List.copyOf(chunks));
    }
    return List.copyOf(partitions);
  }

  /** {@link #partitions()} as a digest: which chunks lie in which partition, in read order. */
  byte[] layout() {
    CanonicalHasher hasher = new CanonicalHasher();
    List<List<FileChunk>> partitions = partitions();
    hasher.putInt(partitions.size());
    for (List<FileChunk> chunks : partitions) {
      hasher.putInt(chunks.size());
      chunks.forEach(chunk -> hasher.putBytes(chunk.identity()));
    }
    return hasher.digest();
  }

  /** Refuses where a file is too young to be told from its next content. */
  void requireSettled() {
    for (Listed file : files) {
      file.seen
          .unsettled()
          .ifPresent(
              why -> {
                throw RefusedException.of(Refusal.Code.INPUT_UNSETTLED, scan.nodeName(), why);
              });
    }
  }

  private FileChunk chunk(InputStats.Seen seen, PartitionedFile split) {
    InputFile input = seen.file();
    byte[] identity =
        identity(
            input,
            split.start(),
            split.length(),
            split.partitionValues(),
            split.otherConstantMetadataColumnValues());
    return new FileChunk(input, split, identity, seen.unsettled().isEmpty());
  }

  private byte[] identity(
      InputFile input,
      long start,
      long length,
      InternalRow partition,
      scala.collection.immutable.Map<String, Object> constants) {
    StructType type = scan.relation().partitionSchema();
    return encoding.digestOf(
        () -> {
          encoding.out().putBytes(input.digest()).putLong(start).putLong(length);
          new TypeEncoder(encoding, functions).row(partition, type);
          if (constants.nonEmpty()) {
            encoding.out().tag('+').putBytes(new DeltaScans(encoding).constants(constants));
          }
        });
  }
}
