// model/guide.ts - the ways to a place: a slice, a goroutine, a group, a hit, a mark, along the wake chain.  What is gone to is
// selected, its lane opened and scrolled to, its moment brought into the window.

import type { Gap, Goroutine, Id, Slice } from "../net/protocol";
import type { App, Subject } from "./app";
import type { Moment } from "./asked";
import type { Place } from "./finder";
import { SIZES } from "./rows";

export class Guide {
  constructor(private app: App) {}

  async stepFound(by: 1 | -1): Promise<void> {
    await this.goToPlace(this.app.finder.step(by));
  }

  async goToPlace(p: Place | null): Promise<void> {
    if (!p) return;
    if (p.kind === "goroutine" && p.g !== null) await this.selectGoroutine(p.g);
    else if (p.g !== null) await this.goTo(p.g, p.at);
    if (p.kind === "task" || p.g === null) this.app.view.reveal(p.at, p.at + p.dur);
  }

  async goToMoment(m: Moment | undefined): Promise<void> {
    if (!m) return;
    if (m.g !== null) await this.goTo(m.g, m.at);
    else this.app.view.reveal(m.at, m.at + m.dur);
  }

  goToRange(name: string, from: number, dur: number): void {
    this.app.view.reveal(from, from + dur);
    if (name === "GC concurrent mark phase") this.showSubject({ kind: "gc", from, to: from + dur });
  }

  showSubject(s: Subject): void {
    this.app.selection.clear();
    this.app.figures.setPerson(null, this.app.view.goal);
    this.app.subject = s;
    this.app.changed();
  }

  /** The lanes of everybody in the wake chain, one below the other, and all of its wake-ups; or only the last again. */
  async toggleChain(): Promise<void> {
    const { selection, lanes } = this.app;
    if (lanes.chain.length > 0) {
      lanes.chain = [];
      lanes.layout();
      return;
    }
    const links = selection.chain;
    if (links.length === 0) {
      this.app.say("Select a wait first: the chain leads from it back to what its waker had waited for.");
      return;
    }
    const last = links[links.length - 1];
    const ids = links.map((l) => l.g);
    if (last?.waker && last.waker.g !== null) ids.push(last.waker.g);
    await this.app.meet(ids);
    if (selection.chain !== links) return;
    lanes.chain = [...new Set(ids)];
    lanes.layout();
    this.app.view.fit(Math.min(...links.map((l) => l.start)), Math.max(...links.map((l) => l.start + l.dur)));
    this.app.changed();
  }

  async select(lane: string, at: number): Promise<void> {
    this.app.subject = null;
    this.dropChain();
    if (lane !== `G${this.app.lanes.guest}`) this.app.lanes.host(null);
    await this.app.selection.pick(lane, at);
    this.app.figures.setPerson(null, this.app.view.goal);
    this.app.changed();
  }

  async selectGoroutine(g: Id): Promise<void> {
    this.app.subject = null;
    const found = await this.app.selection.person(g);
    this.app.figures.setPerson(found ? g : null, this.app.view.goal);
    await this.showGoroutine(g);
    this.app.changed();
  }

  private dropChain(): void {
    if (this.app.lanes.chain.length === 0) return;
    this.app.lanes.chain = [];
    this.app.lanes.layout();
  }

  deselect(): void {
    this.app.subject = null;
    this.dropChain();
    this.app.lanes.host(null);
    this.app.selection.clear();
    this.app.figures.setPerson(null, this.app.view.goal);
    this.app.changed();
  }

  /** A link: the goroutine's lane is opened and scrolled to, the moment brought into sight. */
  async goTo(g: Id, at: number): Promise<void> {
    this.app.subject = null;
    const slice = await this.app.selection.pick(`G${g}`, at);
    if (slice) await this.reveal(slice);
    else {
      await this.showGoroutine(g);
      this.app.say(this.app.selection.note);
    }
  }

  async stepTo(step: -1 | 1): Promise<void> {
    const s = await this.app.selection.step(step);
    if (s) await this.reveal(s);
  }

  async chainTo(step: -1 | 1): Promise<void> {
    const s = await this.app.selection.follow(step);
    if (s) await this.reveal(s);
  }

  private async reveal(s: Slice): Promise<void> {
    this.app.view.reveal(s.start, s.start + s.dur);
    await this.showGoroutine(s.g);
  }

  async showGoroutine(g: Id): Promise<void> {
    const { app } = this;
    const { lanes } = app;
    const lane = `G${g}`;
    if (lanes.guest !== g) lanes.host(null);
    if (!lanes.row(lane)) {
      const found = await app.ask<Goroutine>("goroutine", { trace: app.entry?.trace, g });
      if (!found) return;
      if (!(await app.sets.reveal(g, found.group))) {
        const fresh = !lanes.open.has(found.group);
        lanes.openGroup(found.group, found);
        if (!lanes.row(lane) && fresh) lanes.closeGroup(found.group);
        else if (fresh) app.askMembers(found.group, false);
      }
      if (!lanes.row(lane)) lanes.host(found);
    }
    const row = lanes.row(lane);
    if (row) app.scrollGoal = lanes.scrollFor(row);
    lanes.changed();
  }

  showGroup(group: number): void {
    const kind = this.app.info?.groups[group]?.kind;
    this.app.lanes.sections.add(kind === "user" ? "goroutines" : "system");
    this.app.lanes.filter = "";
    this.app.setGrouping("function");
    this.app.lanes.layout();
    const row = this.app.lanes.row(`F${group}`);
    if (row && !row.pinned) this.app.scrollGoal = row.top - SIZES.section;
    if (!this.app.lanes.open.has(group)) this.app.toggleGroup(group);
    this.app.lanes.changed();
  }

  /** To the lost stretch after the one whose card is shown, or to the first; its card says what was lost. */
  gapTo(step: -1 | 1): void {
    const gaps = this.app.info?.gaps ?? [];
    if (gaps.length === 0) return this.app.say("Nothing of this trace is lost.");
    const at = this.app.gap ? gaps.indexOf(this.app.gap) + step : 0;
    const gap = gaps[(at + gaps.length) % gaps.length]!;
    this.app.view.reveal(gap.from, gap.to);
    this.showGap(gap);
  }

  showGap(gap: Gap | null): void {
    if (this.app.gap === gap) return;
    this.app.gap = gap;
    this.app.changed();
  }

  /** To the next or the last mark. */
  markTo(step: -1 | 1): void {
    const { from, to } = this.app.view.goal;
    const middle = (from + to) / 2;
    const m = this.app.marks.next(middle + step * (to - from) * 1e-3, step);
    if (!m) return;
    const at = (m.from + m.to) / 2;
    this.app.view.set(at - (to - from) / 2, at + (to - from) / 2, true);
  }
}
