import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.flywaydb.core.Flyway;
import org.jooq.codegen.GenerationTool;
import org.jooq.meta.jaxb.Configuration;
import org.jooq.meta.jaxb.Database;
import org.jooq.meta.jaxb.ForcedType;
import org.jooq.meta.jaxb.Generate;
import org.jooq.meta.jaxb.Generator;
import org.jooq.meta.jaxb.Jdbc;
import org.jooq.meta.jaxb.Logging;
import org.jooq.meta.jaxb.Target;

/// Generates `metadata.db.schema` from the migrations: they are run on a new SQLite file, which is
/// then read back. Does nothing when the last output is newer than everything it is made from.
///
/// `java Codegen.java MODULE_DIRECTORY OUTPUT_DIRECTORY`
final class Codegen {

  private static final String PACKAGE = "io.streamhouse.metadata.db.schema";

  public static void main(String[] arguments) throws Exception {
    Path module = Path.of(arguments[0]);
    Path output = Path.of(arguments[1]);
    Path resources = module.resolve("src/main/resources/db");
    Path done = output.resolve("done");
    if (newerThan(done, resources) && newerThan(done, module.resolve("src/codegen"))) {
      return;
    }
    Files.deleteIfExists(done);
    var properties = new Properties();
    try (var reader = Files.newBufferedReader(resources.resolve("dialect/sqlite.properties"))) {
      properties.load(reader);
    }
    Path file = Files.createTempFile("streamhouse-schema", ".db");
    try {
      generate("jdbc:sqlite:" + file, resources.resolve("migration"), properties, output);
    } finally {
      Files.delete(file);
    }
    Files.createFile(done);
  }

  private static boolean newerThan(Path done, Path sources) throws IOException {
    if (!Files.exists(done)) {
      return false;
    }
    var made = Files.getLastModifiedTime(done);
    try (var tree = Files.walk(sources)) {
      for (Path source : (Iterable<Path>) tree::iterator) {
        if (Files.getLastModifiedTime(source).compareTo(made) > 0) {
          return false;
        }
      }
    }
    return true;
  }

  private static void generate(String url, Path migrations, Properties properties, Path output)
      throws Exception {
    var flyway =
        Flyway.configure()
            .loggers("slf4j")
            .dataSource(url, null, null)
            .locations("filesystem:" + migrations);
    var placeholders = new java.util.HashMap<String, String>();
    properties.forEach((key, value) -> placeholders.put((String) key, (String) value));
    flyway.placeholders(placeholders).load().migrate();
    GenerationTool.generate(
        new Configuration()
            .withLogging(Logging.WARN)
            .withJdbc(new Jdbc().withDriver("org.sqlite.JDBC").withUrl(url))
            .withGenerator(
                new Generator()
                    .withDatabase(
                        new Database()
                            .withName("org.jooq.meta.sqlite.SQLiteDatabase")
                            .withExcludes("flyway_schema_history|sqlite_.*|partition_leases")
                            .withForcedTypes(
                                new ForcedType()
                                    .withName("UUID")
                                    .withIncludeExpression(
                                        ".*\\.(topic_id|incarnation|wal_id|tail_wal|object_id)"),
                                new ForcedType()
                                    .withName("BIGINT")
                                    .withIncludeExpression("objects\\.sequence")))
                    .withGenerate(
                        new Generate()
                            .withKeys(false)
                            .withIndexes(false)
                            .withRelations(false)
                            .withRecords(false)
                            .withGlobalCatalogReferences(false)
                            .withGlobalSchemaReferences(false)
                            .withJavadoc(false)
                            .withComments(false))
                    .withTarget(
                        new Target()
                            .withPackageName(PACKAGE)
                            .withDirectory(output.toString())
                            .withClean(true))));
  }
}
