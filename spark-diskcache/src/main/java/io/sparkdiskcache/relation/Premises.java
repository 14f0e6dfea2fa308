// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.ConfDigest;
import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.fingerprint.FunctionProof;
import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.relation.Objection.Reason;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.internal.SQLConf;
import org.jspecify.annotations.Nullable;

/**
 * The facts that the keys of a relation take for granted, looked at in the task that computes rows:
 * the driver's settings, its environment and day, its functions, and inputs that stay as they are.
 */
final class Premises {
  private final RelationSpec spec;
  private final List<FunctionProof> functions;
  private final InputWatch inputs;

  /** Of the settings of the task, which Spark gives it with its start. */
  private byte @Nullable [] digest;

  Premises(RelationSpec spec, List<FunctionProof> functions, InputWatch inputs) {
    this.spec = spec;
    this.functions = functions;
    this.inputs = inputs;
  }

  /**
   * Why the names of entries do not promise the rows that would be computed here. Asked before
   * anything is found.
   */
  Optional<Objection> ofNames() {
    return environment().or(this::day).or(this::settings).or(() -> functions(true));
  }

  /**
   * Why the rows of a unit may not be published, but for its functions. Asked before the first row
   * and after the last.
   */
  Optional<Objection> ofRows(CacheUnit unit) {
    if (!unit.publish()) {
      return Optional.of(
          unit.inputs().isEmpty()
              ? new Objection(
                  Reason.STORE,
                  "the application",
                  "on a cluster results behind a shuffle are kept by the plugin, and only the"
                      + " extension is set")
              : new Objection(
                  Reason.SETTLING, path(unit), "it changed a moment before it was read"));
    }
    return environment()
        .or(this::day)
        .or(this::settings)
        .or(
            () ->
                inputs.unchanged(unit.inputs())
                    ? Optional.empty()
                    : Optional.of(
                        new Objection(Reason.INPUT, path(unit), "it changed while it was read")));
  }

  /**
   * Which function is not the driver's. Asked before the first row of a unit and after the last.
   */
  Optional<Objection> ofFunctions() {
    return functions(false);
  }

  private static String path(CacheUnit unit) {
    return unit.inputs().stream().map(InputFile::path).findFirst().orElse("an input");
  }

  private Optional<Objection> environment() {
    return EnvironmentIdentity.difference(spec.environment())
        .map(
            other ->
                new Objection(
                    Reason.ENVIRONMENT,
                    other.name(),
                    "it is '%s' on host %s and '%s' in the driver"
                        .formatted(other.here(), EntryAccess.host(), other.there())));
  }

  private Optional<Objection> day() {
    return System.currentTimeMillis() < spec.expires()
        ? Optional.empty()
        : Optional.of(
            new Objection(Reason.INPUT, "the date", "the day that the query is of has ended"));
  }

  /** Settings bind when rows are computed and not when the plan is made. */
  private Optional<Objection> settings() {
    if (digest == null) {
      digest = ConfDigest.of(SQLConf.get());
    }
    return Arrays.equals(spec.confDigest(), digest)
        ? Optional.empty()
        : Optional.of(
            new Objection(
                Reason.SETTINGS,
                "settings in the task",
                "they are " + ConfDigest.shown(SQLConf.get())));
  }

  /** Functions may change what they hold. */
  private Optional<Objection> functions(boolean onlyStateful) {
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    for (FunctionProof function : functions) {
      if (onlyStateful && !function.isStateful()) {
        continue;
      }
      Optional<String> difference = function.difference(loader);
      if (difference.isPresent()) {
        return Optional.of(
            new Objection(Reason.DIFFERS, "function " + function.name(), difference.get()));
      }
    }
    return Optional.empty();
  }
}
