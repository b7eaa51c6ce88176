package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.COUNTERS;
import static io.streamhouse.metadata.db.schema.Tables.NAME_EPOCHS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITIONS;
import static io.streamhouse.metadata.db.schema.Tables.SHARD_LEASES;
import static java.util.Objects.requireNonNull;
import static org.jooq.impl.DSL.excluded;
import static org.jooq.impl.DSL.max;

import io.streamhouse.metadata.Sweeps;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.TableField;

final class DatabaseSweeps implements Sweeps {

  private static final String NUMBER = "sweep";
  private static final String TOKEN = "sweep.token";

  private final Transactions transactions;

  DatabaseSweeps(Transactions transactions) {
    this.transactions = transactions;
  }

  @Override
  public Sweep last() {
    return transactions.read("lastSweep", DatabaseSweeps::last);
  }

  private static Sweep last(DSLContext tx) {
    return new Sweep(counter(tx, NUMBER), counter(tx, TOKEN));
  }

  private static long counter(DSLContext tx, String name) {
    var counter =
        tx.select(COUNTERS.COUNTER)
            .from(COUNTERS)
            .where(COUNTERS.NAME.eq(name))
            .fetchOne(COUNTERS.COUNTER);
    return counter == null ? 0 : counter;
  }

  @Override
  public boolean begin(Sweep last, Sweep next) {
    return transactions.write(
        "beginSweep",
        tx -> {
          if (next.number() <= last.number() || counter(tx, TOKEN) != last.token()) {
            return false;
          }
          var begun =
              tx.update(COUNTERS)
                  .set(COUNTERS.COUNTER, next.number())
                  .where(COUNTERS.NAME.eq(NUMBER))
                  .and(COUNTERS.COUNTER.eq(last.number()))
                  .execute();
          if (begun == 1) {
            setToken(tx, next.token());
          }
          return begun == 1;
        });
  }

  private static void setToken(DSLContext tx, long token) {
    tx.insertInto(COUNTERS, COUNTERS.NAME, COUNTERS.COUNTER)
        .values(TOKEN, token)
        .onConflict(COUNTERS.NAME)
        .doUpdate()
        .set(COUNTERS.COUNTER, excluded(COUNTERS.COUNTER))
        .execute();
  }

  @Override
  public void adopt(Sweep sweep) {
    transactions.run(
        "adopt",
        tx -> {
          var adopted =
              tx.update(COUNTERS)
                  .set(COUNTERS.COUNTER, sweep.number())
                  .where(COUNTERS.NAME.eq(NUMBER))
                  .and(COUNTERS.COUNTER.lt(sweep.number()))
                  .execute();
          if (adopted == 0) {
            throw new IllegalArgumentException(
                "sweep " + sweep.number() + " after " + last(tx).number());
          }
          setToken(tx, sweep.token());
          raise(tx, PARTITIONS.LEASE_EPOCH);
          raise(tx, SHARD_LEASES.LEASE_EPOCH);
          raise(tx, NAME_EPOCHS.LEASE_EPOCH);
          DatabaseCatalog.raiseChanges(tx);
        });
  }

  private static void raise(DSLContext tx, TableField<?, Integer> epoch) {
    var table = requireNonNull(epoch.getTable());
    Field<Integer> max = max(epoch);
    var highest = tx.select(max).from(table).fetchOne(max);
    if (highest != null && highest >= Integer.MAX_VALUE - EPOCH_STEP) {
      throw new IllegalStateException("lease epoch " + highest + " cannot be raised further");
    }
    tx.update(table).set(epoch, epoch.plus(EPOCH_STEP)).execute();
  }
}
