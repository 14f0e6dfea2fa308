// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.store.FileRead;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The verdict of a Python worker on one function after the last row; {@code _proof.py} writes it.
 *
 * @param digest of what should have run
 * @param name of the function
 * @param proven whether that ran, from the first row to the last
 * @param object what differs; empty if nothing does
 * @param sentence about it
 * @param impure what the function did besides, as call and frame in turn
 * @param own whether it was this function and no other of the same node that did
 * @param reads files that it read
 * @param unreadable files that it read and that can be no inputs, as path and reason in turn
 */
record WorkerVerdict(
    String digest,
    String name,
    boolean proven,
    String object,
    String sentence,
    List<List<String>> impure,
    boolean own,
    List<FileRead> reads,
    List<List<String>> unreadable)
    implements Serializable {
  private static final Logger log = LoggerFactory.getLogger(WorkerVerdict.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Precedes the JSON text in the pickled update, whose last bytes are pickle's own. */
  private static final byte[] BEGIN =
      "sparkdiskcache.verdict.1:".getBytes(StandardCharsets.US_ASCII);

  private static final int LENGTH_DIGITS = 8;

  /** The number of the accumulator and the opcodes of pickle come first. */
  private static final int MOST_BEFORE = 64;

  static boolean isOne(byte[] update) {
    return begin(update) >= 0;
  }

  private static int begin(byte[] update) {
    int last = Math.min(MOST_BEFORE, update.length - BEGIN.length - LENGTH_DIGITS);
    for (int at = 0; at <= last; at++) {
      int same = 0;
      while (same < BEGIN.length && update[at + same] == BEGIN[same]) {
        same++;
      }
      if (same == BEGIN.length) {
        return at + same;
      }
    }
    return -1;
  }

  /** No verdict came. */
  static WorkerVerdict missing(String digest) {
    return new WorkerVerdict(digest, "", false, "", "", List.of(), false, List.of(), List.of());
  }

  /** Of an update that {@link #isOne}; what cannot be read says nothing, and so proves nothing. */
  static List<WorkerVerdict> decode(byte[] update) {
    int at = begin(update);
    try {
      int length =
          Integer.parseInt(new String(update, at, LENGTH_DIGITS, StandardCharsets.US_ASCII), 16);
      String text = new String(update, at + LENGTH_DIGITS, length, StandardCharsets.UTF_8);
      List<WorkerVerdict> verdicts = new ArrayList<>();
      for (JsonNode function : JSON.readTree(text)) {
        verdicts.add(of(function));
      }
      return verdicts;
    } catch (JsonProcessingException | RuntimeException e) {
      log.warn(
          "A verdict of a Python worker cannot be read, so its rows are not kept: {}",
          e.toString());
      return List.of();
    }
  }

  private static WorkerVerdict of(JsonNode function) {
    List<FileRead> reads = new ArrayList<>();
    for (JsonNode read : function.required("reads")) {
      String path = read.required("path").textValue();
      long length = read.required("length").longValue();
      reads.add(
          length < 0
              ? FileRead.absent(path)
              : FileRead.seen(
                  path,
                  length,
                  read.required("mtime").longValue(),
                  read.required("ctime").longValue(),
                  read.required("inode").longValue(),
                  read.required("device").longValue(),
                  read.required("sha256").textValue(),
                  Instant.ofEpochSecond(0, read.required("at").longValue())));
    }
    return new WorkerVerdict(
        function.required("digest").textValue(),
        function.required("name").textValue(),
        function.required("proven").booleanValue(),
        function.required("object").textValue(),
        function.required("sentence").textValue(),
        pairs(function.required("impure")),
        function.required("own").booleanValue(),
        reads,
        pairs(function.required("unreadable")));
  }

  private static List<List<String>> pairs(JsonNode node) {
    List<List<String>> pairs = new ArrayList<>();
    for (JsonNode pair : node) {
      pairs.add(List.of(pair.required(0).textValue(), pair.required(1).textValue()));
    }
    return pairs;
  }

  /** In the task that read it. */
  void tell(Evidence evidence) {
    reads.forEach(evidence::read);
    unreadable.forEach(file -> evidence.unreadable(file.get(0), file.get(1)));
    if (!object.isEmpty()) {
      evidence.differs(object, sentence);
    }
    impure.forEach(call -> evidence.impure(name, call.get(0), call.get(1)));
    if (proven) {
      evidence.proven(digest);
    }
    mark();
  }

  /** On the driver, for rows that it is the first to see behind an exchange. */
  void tellDriver() {
    Evidence evidence = new Evidence();
    evidence.started(digest);
    tell(evidence);
    Findings found = evidence.findings(Set.of());
    DriverEvidence driver = DriverEvidence.process();
    found.reads().forEach(read -> driver.read(digest, read));
    found.objections().forEach(objection -> driver.object(digest, objection));
    if (proven) {
      driver.proven(digest);
    }
  }

  /** For the next application, which then need not try. */
  private void mark() {
    if (own && !impure.isEmpty()) {
      String sentence =
          "%s called %s at %s while it computed"
              .formatted(name, impure.get(0).get(0), impure.get(0).get(1));
      ProcessStores.open().forEach(store -> store.functions().markImpure(digest, sentence));
    }
  }
}
