// net/socket.ts - one websocket: requests with ids, answers in any order, cancelling, coming back.
// A request that was sent before the connection broke fails with code "disconnected"; the model asks anew.

import { readTiles, type Fault, type Push, type TileRecord } from "./protocol";

export class RequestError extends Error {
  constructor(readonly fault: Fault) {
    super(fault.text);
  }
  get canceled(): boolean {
    return this.fault.code === "canceled" || this.fault.code === "disconnected";
  }
}

interface Pending {
  done: (v: unknown) => void;
  fail: (e: RequestError) => void;
}

export interface Ticket<T> {
  answer: Promise<T>;
  cancel: () => void;
}

export class Socket {
  private ws: WebSocket | null = null;
  private next = 1;
  private pending = new Map<number, Pending>();
  private queue: string[] = [];
  private retry = 250;
  onPush: (p: Push) => void = () => undefined;
  onState: (connected: boolean) => void = () => undefined;

  constructor(private url: string) {}

  connect(): void {
    const ws = new WebSocket(this.url);
    ws.binaryType = "arraybuffer";
    this.ws = ws;
    ws.onopen = () => {
      this.retry = 250;
      for (const m of this.queue) ws.send(m);
      this.queue = [];
      this.onState(true);
    };
    ws.onmessage = (e) => this.receive(e.data as string | ArrayBuffer);
    ws.onclose = () => {
      this.ws = null;
      this.onState(false);
      const lost = [...this.pending.values()];
      this.pending.clear();
      this.queue = [];
      for (const p of lost) p.fail(new RequestError({ code: "disconnected", text: "The connection to parkview was lost." }));
      setTimeout(() => this.connect(), this.retry);
      this.retry = Math.min(this.retry * 2, 5000);
    };
  }

  request<T>(op: string, fields: Record<string, unknown> = {}): Ticket<T> {
    const id = this.next++;
    const answer = new Promise<T>((done, fail) => {
      this.pending.set(id, { done: done as (v: unknown) => void, fail });
    });
    this.send({ id, op, ...fields });
    return { answer, cancel: () => this.cancel(id) };
  }

  tiles(fields: { trace: number; level: number; from: number; to: number; lanes: string[] }): Ticket<TileRecord[]> {
    return this.request<TileRecord[]>("tiles", fields);
  }

  private cancel(id: number): void {
    const p = this.pending.get(id);
    if (!p) return;
    this.pending.delete(id);
    this.send({ op: "cancel", id });
    p.fail(new RequestError({ code: "canceled", text: "canceled" }));
  }

  private send(m: unknown): void {
    const text = JSON.stringify(m);
    if (this.ws && this.ws.readyState === WebSocket.OPEN) this.ws.send(text);
    else this.queue.push(text);
  }

  private receive(data: string | ArrayBuffer): void {
    if (typeof data !== "string") {
      const { id, records } = readTiles(data);
      this.settle(id)?.done(records);
      return;
    }
    const m = JSON.parse(data) as { id?: number; ok?: unknown; error?: Fault; push?: string };
    if (m.push) this.onPush(m as unknown as Push);
    else if (m.id !== undefined) {
      const p = this.settle(m.id);
      if (m.error) p?.fail(new RequestError(m.error));
      else p?.done(m.ok);
    }
  }

  private settle(id: number): Pending | undefined {
    const p = this.pending.get(id);
    this.pending.delete(id);
    return p;
  }
}
