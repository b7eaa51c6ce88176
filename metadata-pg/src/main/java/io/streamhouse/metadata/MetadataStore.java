package io.streamhouse.metadata;

/// The cluster's metadata: PostgreSQL, SQLite, or (in simulations) memory.
///
/// Every method blocks for one transaction and belongs on a virtual or worker thread, never on an
/// event loop. A database that cannot be reached is a [MetadataUnavailable]; whether the
/// transaction happened is then unknown, and only methods that say they are idempotent may be sent
/// again. Implementations are thread-safe.
public interface MetadataStore extends AutoCloseable {

  TopicCatalog topics();

  Leases leases();

  SegmentManifest manifest();

  GroupStore groups();

  /// Has `changed` called soon after each change of the catalogue or of leases that another agent
  /// made, and now and then when nothing changed; until the store is closed. It is called by one
  /// thread at a time and must not block. A store that only one process uses never calls it.
  void watch(Runnable changed);

  Sweeps sweeps();

  /// Has `observer` told of every transaction from now on; one at a time. A store without
  /// transactions tells it nothing.
  default void observe(TransactionObserver observer) {}

  Audit audit();

  /// The cluster id, chosen when the schema was created: 22 characters, Kafka's base64 of a UUID.
  String clusterId();

  @Override
  void close();
}
