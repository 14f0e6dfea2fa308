// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.arrow.ColumnPrecision;
import io.sparkdiskcache.fingerprint.Refusal;
import io.sparkdiskcache.relation.Objection;
import io.sparkdiskcache.relation.RelationInspector.Inspection;
import java.util.List;
import java.util.function.Function;
import org.apache.spark.util.Utils;

/**
 * The plan of the cache for a query: one entry per cached relation it reads, or for the query
 * itself if it reads none.
 *
 * @param relations in the order of the plan
 */
public record ExplainReport(List<Inspection> relations) {

  /** For people: a few lines per relation. */
  @Override
  public String toString() {
    return text(Refusal.Code::cure);
  }

  /** {@link #toString} with the names of Python. */
  String inPython() {
    return text(Refusal.Code::cureInPython);
  }

  private String text(Function<Refusal.Code, String> cure) {
    StringBuilder text = new StringBuilder();
    for (Inspection relation : relations) {
      text.append(headline(relation)).append('\n');
      text.append("  relation     ").append(relation.name()).append('\n');
      if (!relation.cached()) {
        text.append("  not cached   call cache() or persist(); this is what it would find\n");
      }
      relation
          .reason()
          .ifPresent(
              refusal -> {
                text.append("  reason       ").append(refusal.code()).append(": ");
                text.append(refusal.sentence()).append('\n');
                if (!refusal.place().isEmpty()) {
                  text.append("  place        ").append(refusal.place()).append('\n');
                }
                text.append("  what to do   ").append(cure.apply(refusal.code())).append('\n');
              });
      for (String difference : relation.differences()) {
        text.append("  difference   ").append(difference).append('\n');
      }
      for (String read : relation.reads()) {
        text.append("  read         ").append(read).append('\n');
      }
      if (!relation.outcome().isEmpty()) {
        text.append("  outcome      ").append(relation.outcome()).append('\n');
      }
      for (Objection objection : relation.withheld()) {
        text.append("  not kept     ").append(objection.reason()).append(": ");
        text.append(objection).append('\n');
        text.append("  what to do   ").append(objection.reason().cure()).append('\n');
      }
      for (ColumnPrecision column : relation.precision()) {
        text.append("  precision    ").append(column).append('\n');
      }
      if (!relation.fingerprint().isEmpty()) {
        text.append("  fingerprint  ").append(relation.fingerprint()).append('\n');
        if (!relation.computeTime().isZero()) {
          text.append("  saves        ")
              .append(Utils.msDurationToString(relation.computeTime().toMillis()));
          text.append(" of task time\n");
        }
        text.append("  size         ").append(Utils.bytesToString(relation.bytes())).append('\n');
      }
      text.append("  where        ").append(relation.directory()).append('\n');
    }
    return text.toString();
  }

  private static String headline(Inspection relation) {
    return switch (relation.status()) {
      case HIT -> "hit";
      case PARTIAL -> "partial " + relation.found() + " of " + relation.wanted();
      case MISS -> "miss";
      case REFUSED -> "refused";
    };
  }
}
