// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.lang.invoke.MethodType;
import java.lang.invoke.SerializedLambda;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Identity of a function whose results are kept one by one, on its author's word: it may ask
 * services over the network, which no other function in a key may. Otherwise as strict: files,
 * process-wide state, and captured values without a stable encoding are refused.
 *
 * @param digest hexadecimal, of its code and of the values it captured
 * @param name its class, or class and method
 * @param code the user's methods that it reaches
 * @param parameters what it was declared to take, erased; empty if that cannot be told
 * @param proof for where it runs
 */
@Internal
public record MemoizableFunction(
    String digest, String name, List<String> code, List<Class<?>> parameters, FunctionProof proof) {
  private static final String PLACE = "";

  /** Marks what calls such a function, whose results no other key may cover. */
  public interface Memoized {}

  /**
   * Identifies a function object.
   *
   * @throws IllegalArgumentException with the method or value that stands in the way
   */
  public static MemoizableFunction of(Object function, ClassLoader loader) {
    String name = name(function);
    try {
      CodeIdentity identity =
          new CodeHasher(loader, ForbiddenCalls.OF_SERVICES).hash(function, PLACE);
      return new MemoizableFunction(
          HexFormat.of().formatHex(identity.digest()),
          name,
          identity.covered(),
          parameters(function),
          FunctionProof.ofService(function, identity));
    } catch (RefusedException e) {
      Refusal refusal = e.refusal();
      throw new IllegalArgumentException(
          "Cannot memoize %s: %s. %s".formatted(name, refusal.sentence(), refusal.code().cure()),
          e);
    }
  }

  static String name(Object function) {
    Class<?> type = function.getClass();
    if (!CapturedValues.isLambda(type)) {
      return simple(type.getName());
    }
    SerializedLambda form = CapturedValues.serialized(function);
    if (form == null) {
      return simple(type.getNestHost().getName());
    }
    String owner = simple(form.getImplClass().replace('/', '.'));
    String method = form.getImplMethodName();
    return method.contains("$") ? owner : owner + "." + method;
  }

  private static List<Class<?>> parameters(Object function) {
    Class<?> type = function.getClass();
    if (CapturedValues.isLambda(type)) {
      SerializedLambda form = CapturedValues.serialized(function);
      return form == null
          ? List.of()
          : MethodType.fromMethodDescriptorString(
                  form.getInstantiatedMethodType(), type.getClassLoader())
              .parameterList();
    }
    List<Method> calls =
        Arrays.stream(type.getMethods())
            .filter(m -> m.getName().equals("call") || m.getName().equals("apply"))
            .filter(m -> !m.isBridge() && !m.isDefault() && !Modifier.isStatic(m.getModifiers()))
            .toList();
    return calls.size() == 1 ? List.of(calls.get(0).getParameterTypes()) : List.of();
  }

  private static String simple(String className) {
    return className.substring(className.lastIndexOf('.') + 1);
  }
}
