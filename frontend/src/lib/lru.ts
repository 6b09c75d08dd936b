// lib/lru.ts - a cache that forgets the least recently used once it holds more than `limit` bytes.
// A Map iterates in insertion order; touching an entry moves it to the end.

export class Lru<V> {
  private map = new Map<string, { v: V; bytes: number }>();
  private total = 0;
  constructor(private limit: number) {}

  get(key: string): V | undefined {
    const e = this.map.get(key);
    if (!e) return undefined;
    this.map.delete(key);
    this.map.set(key, e);
    return e.v;
  }

  /** Look without touching. */
  peek(key: string): V | undefined {
    return this.map.get(key)?.v;
  }

  set(key: string, v: V, bytes: number): void {
    const old = this.map.get(key);
    if (old) {
      this.total -= old.bytes;
      this.map.delete(key);
    }
    this.map.set(key, { v, bytes });
    this.total += bytes;
    for (const [k, e] of this.map) {
      if (this.total <= this.limit || k === key) break;
      this.map.delete(k);
      this.total -= e.bytes;
    }
  }

  keys(): Iterable<string> {
    return this.map.keys();
  }

  clear(): void {
    this.map.clear();
    this.total = 0;
  }

  get bytes(): number {
    return this.total;
  }
}
