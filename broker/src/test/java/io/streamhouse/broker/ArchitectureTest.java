package io.streamhouse.broker;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.syntax.elements.ClassesShouldConjunction;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The table of modules and packages in `docs/ARCHITECTURE.md`, as a rule.
class ArchitectureTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.streamhouse");

  private static void onlyIn(String library, String... allowed) {
    ClassesShouldConjunction rule =
        noClasses()
            .that()
            .resideOutsideOfPackages(allowed)
            .should()
            .dependOnClassesThat()
            .resideInAPackage(library);
    rule.check(CLASSES);
  }

  @Test
  void theFourModulesKnowNothingOfEachOther() {
    var modules = List.of("protocol", "segment", "metadata", "sql");
    for (var module : modules) {
      ArchRule rule =
          noClasses()
              .that()
              .resideInAPackage("io.streamhouse." + module + "..")
              .should()
              .dependOnClassesThat(
                  resideInAnyPackage(
                      modules.stream()
                          .filter(other -> !other.equals(module))
                          .map(other -> "io.streamhouse." + other + "..")
                          .toArray(String[]::new)))
              .orShould()
              .dependOnClassesThat()
              .resideInAPackage("io.streamhouse.broker..")
              .allowEmptyShould(true);
      rule.check(CLASSES);
    }
  }

  @Test
  void theBrokersPackagesImportDownwardOnly() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .optionalLayer("agent")
        .definedBy("io.streamhouse.broker", "io.streamhouse.broker.cli..")
        .layer("http")
        .definedBy("io.streamhouse.broker.http..")
        .layer("fsck")
        .definedBy("io.streamhouse.broker.fsck..")
        .layer("sweep")
        .definedBy("io.streamhouse.broker.sweep..")
        .layer("merge")
        .definedBy("io.streamhouse.broker.merge..")
        .layer("api")
        .definedBy("io.streamhouse.broker.api..")
        .optionalLayer("group")
        .definedBy("io.streamhouse.broker.group..")
        .layer("read")
        .definedBy("io.streamhouse.broker.read..")
        .layer("partition")
        .definedBy("io.streamhouse.broker.partition..")
        .layer("catalog")
        .definedBy("io.streamhouse.broker.catalog..")
        .layer("lease")
        .definedBy("io.streamhouse.broker.lease..")
        .layer("wal")
        .definedBy("io.streamhouse.broker.wal..")
        .layer("storage")
        .definedBy("io.streamhouse.broker.storage..")
        .layer("config")
        .definedBy("io.streamhouse.broker.config..")
        .layer("runtime")
        .definedBy("io.streamhouse.broker.runtime..")
        .whereLayer("agent")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("http")
        .mayOnlyBeAccessedByLayers("agent")
        .whereLayer("fsck")
        .mayOnlyBeAccessedByLayers("agent")
        .whereLayer("sweep")
        .mayOnlyBeAccessedByLayers("agent", "fsck")
        .whereLayer("merge")
        .mayOnlyBeAccessedByLayers("agent")
        .whereLayer("api")
        .mayOnlyBeAccessedByLayers("agent")
        .whereLayer("group")
        .mayOnlyBeAccessedByLayers("agent", "api")
        .whereLayer("read")
        .mayOnlyBeAccessedByLayers("agent", "api", "group")
        .whereLayer("partition")
        .mayOnlyBeAccessedByLayers("agent", "api", "group", "read", "merge")
        .whereLayer("catalog")
        .mayOnlyBeAccessedByLayers("agent", "api", "group", "read", "partition")
        .whereLayer("lease")
        .mayOnlyBeAccessedByLayers("agent", "partition", "group")
        .whereLayer("wal")
        .mayOnlyBeAccessedByLayers("agent", "partition", "fsck")
        .whereLayer("storage")
        .mayOnlyBeAccessedByLayers("agent", "partition", "read", "sweep", "fsck", "merge")
        .whereLayer("config")
        .mayOnlyBeAccessedByLayers("agent", "api", "group", "catalog")
        .check(CLASSES);
  }

  @Test
  void eachLibraryStaysInItsPackage() {
    onlyIn("org.jooq..", "io.streamhouse.metadata.db..");
    onlyIn("org.flywaydb..", "io.streamhouse.metadata.db..");
    onlyIn(
        "io.netty..",
        "io.streamhouse.protocol..",
        "io.streamhouse.broker.http..",
        "io.streamhouse.broker.storage.s3..");
    onlyIn("net.jpountz..", "io.streamhouse.segment..");
    onlyIn("com.google.re2j..", "io.streamhouse.broker.group..");
    noClasses()
        .that()
        .resideOutsideOfPackages("io.streamhouse.protocol..", "io.streamhouse.broker.api..")
        .should()
        .dependOnClassesThat()
        .haveNameMatching("org\\.apache\\.kafka\\.common\\.message\\..*Data(\\$.*)?")
        .check(CLASSES);
    onlyIn("org.apache.kafka.clients..", "io.streamhouse.broker.cli..");
    onlyIn("picocli..", "io.streamhouse.broker.cli..");
    onlyIn("io.micrometer.prometheusmetrics..", "io.streamhouse.broker");
    onlyIn("software.amazon..", "io.streamhouse.broker.storage.s3..");
    onlyIn("org.reactivestreams..", "io.streamhouse.broker.storage.s3..");
    onlyIn("com.github.benmanes.caffeine..", "io.streamhouse.broker.storage..");
  }
}
