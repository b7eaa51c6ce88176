package io.streamhouse.metadata.db;

import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataStoreContract;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;

class SqliteMetadataTest extends MetadataStoreContract {

  @TempDir Path directory;

  @Override
  protected MetadataStore open() {
    return SqliteMetadata.open(directory.resolve("metadata.db"), new Random(42));
  }
}
