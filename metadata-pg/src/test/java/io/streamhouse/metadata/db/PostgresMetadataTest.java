package io.streamhouse.metadata.db;

import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataStoreContract;
import io.streamhouse.metadata.testing.PostgresServer;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;

class PostgresMetadataTest extends MetadataStoreContract {

  private static PostgresServer server;
  private static PostgresStores stores;

  @BeforeAll
  static void server() {
    server = PostgresServer.shared();
    stores = new PostgresStores(server);
  }

  @Override
  protected MetadataStore open() throws Exception {
    return PostgresMetadata.open(stores.next(), new Random(42));
  }
}
