// model/settled.ts - an answer that follows the window: asked for when the window rests, the old one kept meanwhile.

import { RequestError, type Ticket } from "../net/socket";

/** Stops them all: the window leaves, and answers for where it was would only take a processor from the picture. */
export const stopAll = (of: Iterable<{ stop(): boolean }>): boolean => [...of].map((s) => s.stop()).some(Boolean);

export class Settled<T> {
  value: T | null = null;
  error = "";
  private ticket: Ticket<T> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = false;

  constructor(
    private delayMs: number,
    private done: () => void,
  ) {}

  get busy(): boolean {
    return this.wait || this.ticket !== null;
  }

  /** Replaces what is under way; `ask` runs after the delay. */
  ask(ask: () => Ticket<T>, delayMs = this.delayMs): void {
    this.stop();
    this.wait = true;
    this.timer = setTimeout(() => {
      this.wait = false;
      this.run(ask());
    }, delayMs);
  }

  /** Gives up what is under way, and keeps the old answer; true where something was. */
  stop(): boolean {
    const was = this.busy;
    clearTimeout(this.timer);
    this.wait = false;
    this.ticket?.cancel();
    this.ticket = null;
    return was;
  }

  forget(): void {
    this.stop();
    this.value = null;
    this.error = "";
  }

  private run(t: Ticket<T>): void {
    this.ticket = t;
    t.answer.then(
      (v) => {
        if (this.ticket !== t) return;
        this.ticket = null;
        this.value = v;
        this.error = "";
        this.done();
      },
      (e: unknown) => {
        if (this.ticket !== t) return;
        this.ticket = null;
        // What this side cancels never gets here.
        if (!(e instanceof RequestError && e.fault.code === "disconnected")) this.error = e instanceof Error ? e.message : String(e);
        this.done();
      },
    );
  }
}
