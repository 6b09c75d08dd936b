// lib/observable.ts - the one way by which the model tells the page that something changed.

export class Observable {
  changes = 0; // so far
  private listeners = new Set<() => void>();

  subscribe(f: () => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  changed(): void {
    this.changes++;
    for (const f of [...this.listeners]) f();
  }
}
