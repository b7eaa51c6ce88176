package io.streamhouse.broker.storage;

class InMemoryStoreTest extends ObjectStoreContract {

  @Override
  ObjectStore open() {
    return new InMemoryStore();
  }
}
