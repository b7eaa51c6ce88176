package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.CLUSTER;

import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.Sweeps;
import io.streamhouse.metadata.TopicCatalog;
import io.streamhouse.metadata.TransactionObserver;
import java.util.random.RandomGenerator;

/// The roles over one database, whichever it is. Closing it closes what it was given.
final class DatabaseMetadata implements MetadataStore {

  private final ObservedTransactions transactions;
  private final Changes changes;
  private final String clusterId;
  private final TopicCatalog topics;
  private final Leases leases;
  private final SegmentManifest manifest;
  private final GroupStore groups;
  private final Sweeps sweeps;
  private final Audit audit;

  /// Chooses the cluster's id if there is none yet.
  ///
  /// @param random where topic ids and the cluster id come from; used by any thread
  DatabaseMetadata(Transactions database, Changes changes, RandomGenerator random) {
    this.transactions = new ObservedTransactions(database);
    this.changes = changes;
    this.topics = new DatabaseCatalog(transactions, random);
    this.leases = new DatabaseLeases(transactions);
    this.manifest = new DatabaseManifest(transactions);
    this.groups = new DatabaseGroups(transactions);
    this.sweeps = new DatabaseSweeps(transactions);
    this.audit = new DatabaseAudit(transactions);
    this.clusterId = clusterId(transactions, random);
  }

  /// Who is told of what other agents change; as [MetadataStore#watch] says.
  interface Changes extends AutoCloseable {

    void watch(Runnable changed);

    @Override
    void close();

    /// Of a database that no other agent uses.
    Changes NONE =
        new Changes() {
          @Override
          public void watch(Runnable changed) {}

          @Override
          public void close() {}
        };
  }

  private static String clusterId(Transactions transactions, RandomGenerator random) {
    return transactions.write(
        "clusterId",
        tx -> {
          tx.insertInto(CLUSTER, CLUSTER.ONE, CLUSTER.CLUSTER_ID)
              .values(1, RandomIds.base64(RandomIds.next(random)))
              .onConflictDoNothing()
              .execute();
          return tx.select(CLUSTER.CLUSTER_ID).from(CLUSTER).fetchSingle(CLUSTER.CLUSTER_ID);
        });
  }

  @Override
  public TopicCatalog topics() {
    return topics;
  }

  @Override
  public Leases leases() {
    return leases;
  }

  @Override
  public SegmentManifest manifest() {
    return manifest;
  }

  @Override
  public GroupStore groups() {
    return groups;
  }

  @Override
  public Sweeps sweeps() {
    return sweeps;
  }

  @Override
  public void observe(TransactionObserver observer) {
    transactions.observe(observer);
  }

  @Override
  public Audit audit() {
    return audit;
  }

  @Override
  public void watch(Runnable changed) {
    changes.watch(changed);
  }

  @Override
  public String clusterId() {
    return clusterId;
  }

  @Override
  public void close() {
    changes.close();
    transactions.close();
  }
}
