// model/filter.ts - conditions (as the search field takes them) that stay on: what does not match is grey on the lanes, groups
// without a match leave them, and the tables count only the rest.

import { Observable } from "../lib/observable";
import { sqlText } from "../lib/sql";
import type { AreaFigures, QueryResult } from "../net/protocol";
import type { Socket } from "../net/socket";
import type { Conditions } from "./answers";
import { parseAsk } from "./ask";
import type { TagLook } from "./families";
import { conditionsOf } from "./finder";

const MOST_LANES = 1000;

export class Filter extends Observable {
  text = "";
  tags: Set<number> | null = null; // that it leaves; null: all
  groups: Set<number> | null = null;
  min = 0; // ns
  max = Infinity;
  lanes: string[] = []; // [] = all
  conditions: Conditions = {};
  busy = false;

  constructor(private socket: Socket) {
    super();
  }

  /** Takes effect at once where tags and lengths say it; lanes follow when the server has said which. */
  async set(text: string, trace: number, duration: number, tags: TagLook[]): Promise<void> {
    this.text = text;
    this.groups = null;
    this.read(tags);
    this.changed();
    if (!text) return;
    this.busy = true;
    try {
      const { task } = parseAsk(text);
      const lanes = task ? await this.lanesOfTask(trace, task) : this.lanes;
      if (this.text !== text) return;
      this.lanes = lanes;
      const left = await this.socket.request<AreaFigures>("area", { trace, from: 0, to: duration, ...this.conditions, lanes, by: "start" }).answer;
      if (this.text === text) this.groups = new Set(left.rows.map((r) => r.group));
    } catch {
      // Without an answer every group stays.
    } finally {
      if (this.text === text) this.busy = false;
      this.changed();
    }
  }

  /** Once more, as a growing trace has gained tags. */
  read(tags: TagLook[]): void {
    const ask = parseAsk(this.text);
    this.conditions = conditionsOf(ask, tags);
    const { state, reason, min, max } = this.conditions;
    const part = reason?.toLowerCase();
    const fits = ({ tag }: TagLook) => (!state || tag.state === state) && (!part || `${tag.reason}\n${tag.refined}`.toLowerCase().includes(part));
    this.tags = state || part ? new Set(tags.flatMap((t, i) => (fits(t) ? [i] : []))) : null;
    this.min = min ?? 0;
    this.max = max ?? Infinity;
    if (!ask.task) this.lanes = ask.lanes;
  }

  clear(): void {
    this.text = "";
    this.groups = null;
    this.lanes = [];
    this.read([]);
    this.busy = false;
    this.changed();
  }

  /** Goroutines that began such a task, or worked on one in a region. */
  private async lanesOfTask(trace: number, task: string): Promise<string[]> {
    const like = `LIKE ${sqlText(`%${task.replace(/[%_^]/g, "^$&")}%`)} ESCAPE '^'`;
    const sql = `SELECT g FROM tasks WHERE type ${like} UNION SELECT r.g FROM regions AS r JOIN tasks AS t ON t.id = r.task_id WHERE t.type ${like}`;
    const found = await this.socket.request<QueryResult>("query", { trace, sql, limit: MOST_LANES }).answer;
    return found.rows.filter(([g]) => g !== null).map(([g]) => `G${g}`);
  }
}
