package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.Sweeps;
import io.streamhouse.metadata.TopicCatalog;
import java.util.random.RandomGenerator;

/// A metadata store in memory, for simulations and tests; several agents may share one.
///
/// Deterministic: no threads, no clock, ids from the generator given, answers in a fixed order.
/// Every transaction runs whole under one lock; what it committed survives everything but this
/// object. Closing does nothing, so that an agent's death leaves the store to the others.
public final class InMemoryMetadata implements MetadataStore {

  private final State state;
  private final String clusterId;
  private final TopicCatalog topics;
  private final Leases leases;
  private final SegmentManifest manifest;
  private final GroupStore groups;
  private final Sweeps sweeps;
  private final Audit audit;

  public InMemoryMetadata(RandomGenerator random) {
    this(random, new Faults() {});
  }

  /// @param faults asked before and after every transaction
  public InMemoryMetadata(RandomGenerator random, Faults faults) {
    this.state = new State(random, faults);
    this.clusterId = RandomIds.base64(RandomIds.next(random));
    this.topics = new MemoryCatalog(state);
    this.leases = new MemoryLeases(state);
    this.manifest = new MemoryManifest(state);
    this.groups = new MemoryGroups(state);
    this.sweeps = new MemorySweeps(state);
    this.audit = new MemoryAudit(state);
  }

  /// What a simulation does to transactions. Throw [io.streamhouse.metadata.MetadataUnavailable]
  /// from either to cut the connection; it runs under the store's lock and must not call the store.
  public interface Faults {

    /// Before anything has happened.
    ///
    /// @param transaction the method of the role, such as `commit` or `renew`
    default void before(String transaction) {}

    /// After everything has happened and before the caller knows.
    default void after(String transaction) {}
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
  public void watch(Runnable changed) {}

  @Override
  public Sweeps sweeps() {
    return sweeps;
  }

  @Override
  public Audit audit() {
    return audit;
  }

  @Override
  public String clusterId() {
    return clusterId;
  }

  @Override
  public void close() {}
}
