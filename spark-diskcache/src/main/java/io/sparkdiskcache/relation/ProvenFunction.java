// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.python.PythonAccumulatorV2;
import org.apache.spark.api.python.SimplePythonFunction;
import scala.collection.immutable.Seq;

/**
 * A Python function whose workers prove what they ran.
 *
 * <p>Its bytes restore the function by way of the package {@code sparkdiskcache}, which digests
 * what the worker has loaded, watches the function and sends one verdict after the last row. The
 * verdict comes in the stream of that very worker's answer, as an update of an accumulator ({@link
 * ProofAccumulator}), so that it belongs to one task attempt and to no other. A task asks for the
 * bytes when it sends them to a worker: from then on it owes a verdict.
 */
@Internal
public final class ProvenFunction extends SimplePythonFunction {
  private static final long serialVersionUID = 1;

  private final String digest;
  private final ProofAccumulator proofs;

  private ProvenFunction(SimplePythonFunction of, String digest, ProofAccumulator proofs) {
    super(
        of.command(),
        of.envVars(),
        of.pythonIncludes(),
        of.pythonExec(),
        of.pythonVer(),
        of.broadcastVars(),
        proofs);
    this.digest = digest;
    this.proofs = proofs;
  }

  /**
   * The same function, from whose workers verdicts are taken.
   *
   * @param digest of what should run
   */
  public static ProvenFunction of(
      SparkContext context, SimplePythonFunction function, String digest) {
    return new ProvenFunction(
        function,
        digest,
        ProofAccumulator.instead((PythonAccumulatorV2) function.accumulator(), context));
  }

  /** Of what should run, in hexadecimal. */
  public String digest() {
    return digest;
  }

  @Override
  public Seq<Object> command() {
    TaskContext task = TaskContext.get();
    if (task != null) {
      proofs.expect(digest, task);
    }
    return super.command();
  }
}
