// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.store.FileRead;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The verdict of a Python worker on a function, as it comes in an update of an accumulator. */
class WorkerVerdictTest {
  private static final String PROVEN =
      """
      [{"digest": "d1", "name": "f", "proven": true, "object": "", "sentence": "", "impure": [], "own": true,
        "reads": [{"path": "/no/such", "length": -1, "mtime": 0, "ctime": 0, "inode": 0, "device": 0,
                   "sha256": "", "at": 0}],
        "unreadable": []}]""";

  /** As {@code pickle.dumps((-19000001, value))} has it. */
  private static byte[] pickled(String content, int length) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(
        new byte[] {(byte) 0x80, 5, (byte) 0x95, 0, 0, 0, 0, 0, 0, 0, 0, 'J', 1, 2, 3, 4, 'C', 9});
    bytes.writeBytes(
        "sparkdiskcache.verdict.1:%08x".formatted(length).getBytes(StandardCharsets.US_ASCII));
    bytes.writeBytes(content.getBytes(StandardCharsets.UTF_8));
    bytes.writeBytes(new byte[] {(byte) 0x94, (byte) 0x86, '.'});
    return bytes.toByteArray();
  }

  private static byte[] pickled(String content) {
    return pickled(content, content.getBytes(StandardCharsets.UTF_8).length);
  }

  private static Findings told(byte[] update) {
    Evidence evidence = new Evidence();
    evidence.started("d1");
    WorkerVerdict.decode(update).forEach(verdict -> verdict.tell(evidence));
    return evidence.findings(Set.of());
  }

  @Test
  void aVerdictProvesAndBringsTheFilesThatWereRead() {
    assertThat(WorkerVerdict.isOne(pickled(PROVEN))).isTrue();
    Findings found = told(pickled(PROVEN));
    assertThat(found.mayPublish()).isTrue();
    assertThat(found.reads()).containsExactly(FileRead.absent("/no/such"));
  }

  @Test
  void whatDiffersAndWhatIsImpureIsAnObjection() {
    String text =
        PROVEN
            .replace(
                "\"proven\": true, \"object\": \"\"", "\"proven\": false, \"object\": \"module.m\"")
            .replace("\"impure\": []", "\"impure\": [[\"socket.connect()\", \"m.py:7 (g)\"]]");
    List<Objection> objections = told(pickled(text)).objections();
    assertThat(objections)
        .extracting(Objection::reason)
        .containsExactlyInAnyOrder(
            Objection.Reason.DIFFERS, Objection.Reason.IMPURE, Objection.Reason.UNPROVEN);
    assertThat(objections.toString()).contains("module.m", "socket.connect()", "m.py:7 (g)");
  }

  @Test
  void garbageProvesNothing() {
    for (byte[] garbage :
        List.of(
            pickled("not JSON"),
            pickled("{}"),
            pickled("[{}]"),
            pickled("[]"),
            pickled("[{\"digest\": 7}]"),
            pickled(PROVEN, Integer.MAX_VALUE),
            pickled(PROVEN, 3))) {
      assertThat(told(garbage).mayPublish()).isFalse();
    }
  }

  @Test
  void otherUpdatesAreNoVerdicts() {
    assertThat(WorkerVerdict.isOne(new byte[0])).isFalse();
    assertThat(WorkerVerdict.isOne("sparkdiskcache.verdict.".getBytes(StandardCharsets.US_ASCII)))
        .isFalse();
    byte[] late = new byte[500];
    byte[] verdict = pickled(PROVEN);
    System.arraycopy(verdict, 0, late, 100, Math.min(verdict.length, 400));
    assertThat(WorkerVerdict.isOne(late)).isFalse();
  }
}
