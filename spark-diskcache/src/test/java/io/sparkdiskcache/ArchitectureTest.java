// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;

/** Who may know whom: dependencies point down this list only. */
class ArchitectureTest {
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
