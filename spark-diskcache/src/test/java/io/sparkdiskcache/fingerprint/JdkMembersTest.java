// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The table of the JDK's members against the JDK that this runs on. */
class JdkMembersTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "java.base",
        "java.sql",
        "java.xml",
        "java.net.http",
        "java.logging",
        "java.management",
        "java.desktop"
      })
  void everyPublicNameHasARow(String module) throws Exception {
    List<String> missing = new ArrayList<>();
    int seen = 0;
    for (Class<?> type : publicTypes(module)) {
      String name = type.getName().replace('.', '/');
      for (Member member : members(type)) {
        seen++;
        String desc = member instanceof Executable code ? descriptor(code) : "";
        String called = member instanceof Constructor ? "<init>" : member.getName();
        if (JdkMembers.find(name, called, desc) == null) {
          missing.add(name + "." + called + desc);
        }
      }
    }
    assertThat(seen).isGreaterThan(50);
    assertThat(missing).as("public names without a row in jdk-members.txt").isEmpty();
  }

  @Test
  void aNameWithoutARowIsRefused() {
    assertThat(ForbiddenCalls.why("java/util/Unheard", "of", "()V")).contains("not on the list");
    assertThat(ForbiddenCalls.why("java/util/Locale", "unheard", "()V"))
        .contains("not on the list");
    assertThat(ForbiddenCalls.why("java/unheard/Thing", "of", "()V")).contains("not on the list");
    assertThat(ForbiddenCalls.whyInherited("java/util/Collection", "unheard", "()V"))
        .contains("not on the list");
  }

  @Test
  void overloadsAreToldApart() {
    String locale = "(Ljava/util/Locale;)Ljava/util/Currency;";
    assertThat(ForbiddenCalls.why("java/util/Currency", "getInstance", locale)).contains("clock");
    String code = "(Ljava/lang/String;)Ljava/util/Currency;";
    assertThat(ForbiddenCalls.why("java/util/Currency", "getInstance", code)).isNull();
  }

  private static List<Class<?>> publicTypes(String module) throws IOException {
    List<Class<?>> types = new ArrayList<>();
    FileSystem runtime = FileSystems.getFileSystem(URI.create("jrt:/"));
    for (ModuleDescriptor.Exports exported :
        ModuleFinder.ofSystem().find(module).orElseThrow().descriptor().exports()) {
      Path directory = runtime.getPath("/modules", module, exported.source().replace('.', '/'));
      if (exported.isQualified()) {
        continue;
      }
      try (Stream<Path> files = Files.list(directory)) {
        for (Path file : (Iterable<Path>) files::iterator) {
          String name = file.getFileName().toString();
          if (name.endsWith(".class") && !name.contains("-info")) {
            load(exported.source() + "." + name.replace(".class", "")).ifPresent(types::add);
          }
        }
      }
    }
    return types;
  }

  private static java.util.Optional<Class<?>> load(String name) {
    try {
      Class<?> type = Class.forName(name, false, ClassLoader.getPlatformClassLoader());
      boolean nameable = !type.isAnonymousClass() && !type.isLocalClass();
      for (Class<?> c = type; c != null; c = c.getEnclosingClass()) {
        nameable &= isVisible(c.getModifiers());
      }
      return nameable ? java.util.Optional.of(type) : java.util.Optional.empty();
    } catch (ClassNotFoundException e) {
      throw new LinkageError(name, e);
    }
  }

  private static List<Member> members(Class<?> type) {
    return Stream.<Member[]>of(
            type.getDeclaredConstructors(), type.getDeclaredMethods(), type.getDeclaredFields())
        .flatMap(Stream::of)
        .filter(member -> isVisible(member.getModifiers()))
        .toList();
  }

  private static boolean isVisible(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }

  private static String descriptor(Executable code) {
    StringBuilder text = new StringBuilder("(");
    for (Class<?> parameter : code.getParameterTypes()) {
      text.append(parameter.descriptorString());
    }
    return text.append(")")
        .append(code instanceof Method m ? m.getReturnType().descriptorString() : "V")
        .toString();
  }
}
