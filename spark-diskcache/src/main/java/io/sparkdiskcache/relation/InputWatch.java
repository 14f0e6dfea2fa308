// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.fingerprint.InputStats;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;

/**
 * Asks in one task whether input files still are what they were when they were listed. A question
 * costs a round trip, so it is not asked twice about one moment: what held after the last row of a
 * chunk still holds before the first of the next, as long as nothing was opened in between.
 */
final class InputWatch {
  private final Configuration hadoopConf;
  private final Set<InputFile> sinceOpened = new HashSet<>();

  InputWatch(Configuration hadoopConf) {
    this.hadoopConf = hadoopConf;
  }

  /** To be called before a file is read: what was known before says nothing about afterwards. */
  void opened() {
    sinceOpened.clear();
  }

  /** Whether all of {@code files} are unchanged now. */
  boolean unchanged(Collection<InputFile> files) {
    List<InputFile> toAsk = files.stream().filter(file -> !sinceOpened.contains(file)).toList();
    boolean unchanged = InputStats.unchanged(toAsk, hadoopConf);
    if (unchanged) {
      sinceOpened.addAll(toAsk);
    }
    return unchanged;
  }
}
