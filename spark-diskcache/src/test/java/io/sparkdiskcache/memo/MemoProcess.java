// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.fingerprint.MemoizableFunction;
import io.sparkdiskcache.store.MemoFunction;
import java.time.Duration;
import org.apache.spark.sql.types.DataTypes;

/**
 * A process that wants one answer, without the weight of a Spark application. Arguments: cache
 * directory, address of the service, argument, seconds of the lease. Prints the answer.
 */
public final class MemoProcess {
  private MemoProcess() {}

  public static void main(String[] args) throws Exception {
    System.out.println("asking");
    System.out.println("answer " + ask(args[0], args[1], args[2], Long.parseLong(args[3])));
  }

  static Object ask(String directory, String url, String argument, long leaseSeconds)
      throws Exception {
    MemoOptions options = MemoOptions.defaults().withLease(Duration.ofSeconds(leaseSeconds));
    return function(directory, url, options).call(argument);
  }

  /** One that asks the service. */
  static MemoizedFunction function(String directory, String url, MemoOptions options) {
    ClassLoader loader = MemoProcess.class.getClassLoader();
    return new MemoizedFunction(
        x -> Remote.ask(url, (String) x[0]),
        new MemoFunction("00", "ask", "", "", "Remote.ask"),
        MemoizableFunction.of(new Remote(url), loader).proof(),
        options,
        new Values(DataTypes.StringType),
        1,
        directory,
        MemoRemote.NONE);
  }
}
