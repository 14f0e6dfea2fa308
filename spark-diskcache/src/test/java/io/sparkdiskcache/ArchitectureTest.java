// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import io.sparkdiskcache.annotation.Internal;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Who may know whom: dependencies point down this list only. */
class ArchitectureTest {
  private static final String PROJECT = "io.sparkdiskcache.";
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.sparkdiskcache");

  @Test
  void dependenciesPointDown() {
    ArchRule rule =
        layeredArchitecture()
            .consideringOnlyDependenciesInLayers()
            .ensureAllClassesAreContainedInArchitecture()
            .layer("api")
            .definedBy("io.sparkdiskcache")
            .layer("relation")
            .definedBy("io.sparkdiskcache.relation..")
            .layer("cluster")
            .definedBy("io.sparkdiskcache.cluster..")
            .layer("memo")
            .definedBy("io.sparkdiskcache.memo..")
            .layer("fingerprint")
            .definedBy("io.sparkdiskcache.fingerprint..")
            .layer("conf")
            .definedBy("io.sparkdiskcache.conf..")
            .layer("cli")
            .definedBy("io.sparkdiskcache.cli..")
            .layer("store")
            .definedBy("io.sparkdiskcache.store..")
            .layer("remote")
            .definedBy("io.sparkdiskcache.remote..")
            .layer("shim")
            .definedBy("io.sparkdiskcache.shim..")
            .layer("arrow")
            .definedBy("io.sparkdiskcache.arrow..")
            .layer("annotation")
            .definedBy("io.sparkdiskcache.annotation..")
            .whereLayer("api")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("relation")
            .mayOnlyBeAccessedByLayers("api")
            .whereLayer("cluster")
            .mayOnlyBeAccessedByLayers("api", "relation")
            .whereLayer("memo")
            .mayOnlyBeAccessedByLayers("api", "relation")
            .whereLayer("fingerprint")
            .mayOnlyBeAccessedByLayers("api", "relation", "memo")
            .whereLayer("conf")
            .mayOnlyBeAccessedByLayers("api", "relation")
            .whereLayer("store")
            .mayOnlyBeAccessedByLayers(
                "api", "relation", "cluster", "memo", "fingerprint", "conf", "cli", "remote")
            .whereLayer("remote")
            .mayOnlyBeAccessedByLayers("api", "relation", "memo", "conf", "cli")
            .whereLayer("cli")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("arrow")
            .mayOnlyBeAccessedByLayers("api", "relation", "conf")
            .whereLayer("shim")
            .mayOnlyBeAccessedByLayers("api", "relation", "cluster", "memo");
    rule.check(CLASSES);
  }

  /**
   * The API: what users name, and what that hands out. All else that is public is marked, and no
   * type of the API shows a type that is not of it.
   */
  @Test
  void whatIsPublicIsDeclared() {
    Set<String> handedOut =
        Set.of(
            "arrow.ColumnPrecision",
            "arrow.Precision",
            "fingerprint.Refusal",
            "memo.MemoOptions",
            "relation.Objection",
            "relation.RelationInspector",
            "remote.RemoteStats",
            "store.Entry",
            "store.EntryMeta",
            "store.FileRead",
            "store.Key",
            "store.MemoEntry",
            "store.MemoFunction",
            "store.MemoKey",
            "store.MemoTotals",
            "store.MemoUse",
            "store.StoreStats");
    Set<String> declared = new TreeSet<>();
    Set<String> shown = new TreeSet<>();
    for (JavaClass type : CLASSES) {
      boolean isApi =
          type.isTopLevelClass()
              && type.getModifiers().contains(JavaModifier.PUBLIC)
              && !type.getPackageName().equals(Internal.class.getPackageName())
              && !type.isAnnotatedWith(Internal.class);
      if (isApi) {
        declared.add(type.getName().substring(PROJECT.length()));
        shown.addAll(typesShownBy(type));
      }
    }
    Set<String> ofOtherPackages = new TreeSet<>(declared);
    ofOtherPackages.removeIf(name -> !name.contains("."));
    assertThat(ofOtherPackages).isEqualTo(new TreeSet<>(handedOut));
    shown.removeAll(declared);
    assertThat(shown).as("types that the API shows").isEmpty();
  }

  /** Types of the project in the signatures of public members, nested types included. */
  private static Set<String> typesShownBy(JavaClass type) {
    Set<String> shown = new TreeSet<>();
    for (JavaClass of : CLASSES) {
      boolean isPartOfIt =
          of.equals(type)
              || (of.getName().startsWith(type.getName() + "$")
                  && of.getModifiers().contains(JavaModifier.PUBLIC));
      if (!isPartOfIt) {
        continue;
      }
      of.getCodeUnits().stream()
          .filter(member -> member.getModifiers().contains(JavaModifier.PUBLIC))
          .flatMap(
              member ->
                  Stream.concat(
                      member.getReturnType().getAllInvolvedRawTypes().stream(),
                      member.getParameterTypes().stream()
                          .flatMap(parameter -> parameter.getAllInvolvedRawTypes().stream())))
          .map(JavaClass::getName)
          .filter(name -> name.startsWith(PROJECT))
          .map(name -> name.substring(PROJECT.length()).replaceAll("\\$.*", ""))
          .forEach(shown::add);
    }
    return shown;
  }

  /** Threads that inherit a session keep it. */
  @Test
  void threadsAreMadeInOnePlace() {
    ArchRule rule =
        noClasses()
            .that()
            .doNotHaveFullyQualifiedName("io.sparkdiskcache.store.Threads")
            .should()
            .callConstructor(Thread.class, Runnable.class)
            .orShould()
            .callConstructor(Thread.class, Runnable.class, String.class)
            .orShould()
            .callConstructor(Thread.class, String.class);
    rule.check(CLASSES);
  }

  @Test
  void storeKnowsNothingOfSpark() {
    ArchRule rule =
        noClasses()
            .that()
            .resideInAPackage("io.sparkdiskcache.store..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                "org.apache.spark..", "org.apache.hadoop..", "org.apache.arrow..", "scala..");
    rule.check(CLASSES);
  }

  @Test
  void remoteTierKnowsNothingOfSpark() {
    ArchRule rule =
        noClasses()
            .that()
            .resideInAPackage("io.sparkdiskcache.remote..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.spark..", "org.apache.arrow..", "scala..");
    rule.check(CLASSES);
  }

  @Test
  void commandLineRunsWithoutSpark() {
    ArchRule rule =
        noClasses()
            .that()
            .resideInAPackage("io.sparkdiskcache.cli..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.spark..", "org.slf4j..", "scala..");
    rule.check(CLASSES);
  }

  @Test
  void onlyThePreviewNeedsArrow() {
    ArchRule rule =
        noClasses()
            .that()
            .resideInAPackage("io.sparkdiskcache.cli..")
            .and()
            .haveNameNotMatching(".*ArrowPreview.*")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.arrow..");
    rule.check(CLASSES);
  }

  @Test
  void codecKnowsNothingOfTheStore() {
    ArchRule rule =
        noClasses()
            .that()
            .resideInAPackage("io.sparkdiskcache.arrow..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("java.sql..", "org.sqlite..");
    rule.check(CLASSES);
  }

  @Test
  void nothingStoredIsDeserializedAsJavaObjects() {
    ArchRule rule =
        noClasses()
            .should()
            .dependOnClassesThat()
            .haveFullyQualifiedName("java.io.ObjectInputStream");
    rule.check(CLASSES);
  }
}
