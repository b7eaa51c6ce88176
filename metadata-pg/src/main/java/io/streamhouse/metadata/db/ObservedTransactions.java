package io.streamhouse.metadata.db;

import io.streamhouse.metadata.TransactionObserver;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jooq.DSLContext;

/// Transactions whose times somebody may want to know.
final class ObservedTransactions implements Transactions {

  private final Transactions transactions;
  private volatile TransactionObserver observer = (_, _, _) -> {};

  ObservedTransactions(Transactions transactions) {
    this.transactions = transactions;
  }

  void observe(TransactionObserver newObserver) {
    observer = newObserver;
  }

  @Override
  public Dialect dialect() {
    return transactions.dialect();
  }

  @Override
  public <T> T write(String name, Function<DSLContext, T> body) {
    return observed(name, () -> transactions.write(name, body));
  }

  @Override
  public <T> T promptly(String name, Function<DSLContext, T> body) {
    return observed(name, () -> transactions.promptly(name, body));
  }

  @Override
  public <T> T read(String name, Function<DSLContext, T> body) {
    return observed(name, () -> transactions.read(name, body));
  }

  private <T> T observed(String name, Supplier<T> transaction) {
    long began = System.nanoTime();
    boolean failed = true;
    try {
      var result = transaction.get();
      failed = false;
      return result;
    } finally {
      observer.ended(name, System.nanoTime() - began, failed);
    }
  }

  @Override
  public void close() {
    transactions.close();
  }
}
