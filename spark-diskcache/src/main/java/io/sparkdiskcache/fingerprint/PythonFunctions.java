// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.api.python.PythonFunction;
import org.apache.spark.sql.catalyst.expressions.PythonFuncExpression;
import org.apache.spark.sql.catalyst.expressions.PythonUDTF;

/**
 * Hashes that the Python side has registered for its functions.
 *
 * <p>The bytes of a {@link PythonFunction} are no identity: they change with a blank line, and do
 * not change with an edit of an imported module. So the package {@code sparkdiskcache} hashes the
 * function in Python at the moment its bytes are made, and registers the hash for that very object;
 * a plan carries the object unchanged. An object that nobody has registered is refused, whatever it
 * is equal to.
 *
 * <p>Modules are not among the bytes: a Python worker imports them anew. Registered with the hash
 * are therefore the source files that it covers, and whenever a plan is fingerprinted they are
 * compared again.
 */
@Internal
public final class PythonFunctions {
  private static final String HASH_SEED = "PYTHONHASHSEED";

  private static final String CURE =
      "build the session with sparkdiskcache.configure(SparkSession.builder) before the function is"
          + " defined";

  private static final IdentityWeakMap<PythonFunction, Registered> REGISTRY =
      new IdentityWeakMap<>();

  private PythonFunctions() {}

  /**
   * A source file the workers import.
   *
   * @param sha256 of its content, in hexadecimal
   */
  public record SourceFile(String path, String sha256, long length) {}

  /**
   * Identity of a function and of the environment it runs in.
   *
   * @param digest in hexadecimal, over code, captured values and versions
   * @param parts short digests by name, for telling two identities apart
   * @param sources modules that workers import
   * @param dependsOnHashSeed whether the order of a set of strings may show in the rows
   */
  public record Identity(
      String digest,
      Map<String, String> parts,
      List<SourceFile> sources,
      boolean dependsOnHashSeed) {}

  private sealed interface Registered {}

  private record Known(Identity identity) implements Registered {}

  private record Unhashable(Refusal.Code code, String sentence) implements Registered {}

  /** Binds an identity to this very object. */
  public static void register(PythonFunction function, Identity identity) {
    REGISTRY.put(function, new Known(identity));
  }

  /** Binds the reason why there is no identity. */
  public static void refuse(PythonFunction function, Refusal.Code code, String sentence) {
    REGISTRY.put(function, new Unhashable(code, sentence));
  }

  /** Why a function that is declared so is refused. */
  static String declaredNonDeterministic(PythonFuncExpression function) {
    return "Python function "
        + function.name()
        + (function instanceof PythonUDTF
            ? " is a table function, which Spark takes to give other rows in another run; call"
                + " asDeterministic() on it if it does not"
            : " is declared to give other rows in another run");
  }

  /** Encodes the identity of a function, or refuses. */
  static void encode(String name, PythonFunction function, Encoding encoding) {
    Optional<Registered> registered = REGISTRY.get(function);
    if (registered.isEmpty()) {
      throw encoding.refused(
          Refusal.Code.FUNCTION, "Python function " + name + " has no code identity; " + CURE);
    }
    if (registered.get() instanceof Unhashable unhashable) {
      throw encoding.refused(
          unhashable.code(), "Python function " + name + ": " + unhashable.sentence());
    }
    Identity identity = ((Known) registered.get()).identity();
    // One broadcast is the function's own bytes, if they are many; Python refuses all others.
    if (function.broadcastVars().size() > 1) {
      throw encoding.refused(
          Refusal.Code.FUNCTION_STATE,
          "Python function "
              + name
              + " uses broadcast variables, whose content has no identity; capture the values"
              + " themselves");
    }
    identity.sources().forEach(source -> requireUnchanged(name, source, encoding));
    encoding.demandProof(identity.digest());
    CanonicalHasher out = encoding.out().putString(identity.digest());
    out.putString(function.pythonVer()).putString(function.pythonExec());
    SortedMap<String, String> environment = new TreeMap<>(function.envVars());
    if (!identity.dependsOnHashSeed()) {
      environment.remove(HASH_SEED);
    }
    out.putInt(environment.size());
    environment.forEach((key, value) -> out.putString(key).putString(value));
    identity.parts().forEach((part, digest) -> encoding.component("function." + part, digest));
  }

  private static void requireUnchanged(String name, SourceFile source, Encoding encoding) {
    try {
      Path path = Path.of(source.path());
      BasicFileAttributes facts = Files.readAttributes(path, BasicFileAttributes.class);
      if (facts.size() == source.length() && sha256(path).equals(source.sha256())) {
        return;
      }
    } catch (IOException e) {
      throw encoding.refused(
          Refusal.Code.FUNCTION,
          "Python function " + name + " imports " + source.path() + ", which cannot be read: " + e);
    }
    throw encoding.refused(
        Refusal.Code.FUNCTION,
        "Python function "
            + name
            + " imports "
            + source.path()
            + ", which was changed since; Python workers may have either version, so restart the"
            + " application");
  }

  private static String sha256(Path path) throws IOException {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(path));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
