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

  /// The cluster id, chosen when the schema was created: 22 characters, Kafka's base64 of a UUID.
  String clusterId();

  @Override
  void close();
}
