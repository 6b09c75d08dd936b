// tests/server/grow.test.mjs - a trace is shown while it is being read: its first part before its
// last byte is there, more of it as it comes, and in the end the same as when read at once.
import { join } from "node:path";
import { Feed, slowTrace } from "../lib/feed.mjs";
import { Checks } from "../lib/project.mjs";
import { Socket, scratch, serve } from "./serve.mjs";
import { readTiles } from "./tiles.mjs";

const checks = new Checks();
const trace = slowTrace(scratch);

/** A server that reads a pipe with the first 60 % of the trace: one generation is whole, a second has begun. */
async function begin(name) {
  const path = join(scratch, name);
  const feed = new Feed(trace, path);
  feed.to(0.6);
  const server = await serve([path]);
  return { server, socket: await Socket.open(server), feed };
}
const info = async (socket) => (await socket.ask("info", { trace: 0 })).ok;
const eventually = async (what) => {
  for (let i = 0; i < 1500; i++) {
    const got = await what();
    if (got) return got;
    await new Promise((r) => setTimeout(r, 20));
  }
  throw new Error(`not within 30 s: ${what}`);
};

// ---- it grows -----------------------------------------------------------------------------------

const { server, socket, feed } = await begin("growing");
const first = await eventually(() => info(socket));
checks.check("there is something to see after 60 % of the bytes", first && !first.complete && first.duration > 0 && first.procs.length > 0);
const state = (await socket.ask("traces")).ok.traces[0];
checks.equal("its state", state.state, "importing");
checks.check("its progress", state.progress.done > 0 && state.progress.events > 0 && state.progress.rate > 0, JSON.stringify(state.progress));
const level = Math.ceil(Math.log2(first.duration / 1920));
const ask = async (from, to) => readTiles((await socket.ask("tiles", { trace: 0, level, from, to, lanes: first.procs.map((p) => `P${p}`) })).binary).records;
checks.check("tiles of the first part", (await ask(0, 4)).some((r) => r.parts.length + r.solidStart.length > 0));
const past = await ask(40, 41); // beyond the whole trace's end: it may have grown since first
checks.check("tiles past its end say: ask again", past.length === first.procs.length && past.every((r) => r.flags & 1));
const made = async () => (await socket.ask("sets", { trace: 0, by: "creator" })).ok.rows.filter((r) => r.group === null).reduce((n, r) => n + r.n, 0);
const early = await made();
checks.check("its goroutines by creator", early > 0);
feed.to(0.996); // the second generation ends at 99.4 %: only then can its events be put in order
const second = await eventually(async () => {
  const now = await info(socket);
  return now?.duration > first.duration && now;
});
checks.check("it has grown", second && !second.complete && second.events > first.events);
checks.check("tags and groups keep their numbers", first.tags.every((t, i) => second.tags[i].refined === t.refined) && first.groups.every((g, i) => second.groups[i].func === g.func));
checks.check("progress was pushed", await eventually(() => socket.pushes.filter((p) => p.push === "trace").length >= 2));
checks.check("info was pushed", await eventually(() => socket.pushes.some((p) => p.push === "info" && !p.info.complete)));
feed.end();
const whole = await eventually(async () => {
  const now = await info(socket);
  return now?.complete && now;
});
checks.check("it is complete in the end", whole && whole.duration > second.duration);
checks.check("its last state was pushed", await socket.push((p) => p.push === "trace" && p.trace.state === "ready"));
checks.check("no tile says ask again", (await ask(0, 4)).every((r) => !(r.flags & 1)));
const late = await made();
checks.check("and by creator, all of the whole", late >= early && late === whole.groups.filter((g) => g.kind === "user").reduce((n, g) => n + g.n, 0), `${early} ${late}`);
const waits = (await socket.ask("waits", { trace: 0, from: 0, to: whole.duration, by: "refined" })).ok;
await server.stop();

const other = await serve([trace]);
const again = await Socket.open(other);
await again.push((p) => p.push === "trace" && p.trace.state === "ready").catch(() => {});
const same = await eventually(async () => {
  const now = await info(again);
  return now?.complete && now;
});
checks.equal("as when it is read at once: duration", same?.duration, whole?.duration);
checks.equal("as when it is read at once: events", same?.events, whole?.events);
checks.equal("as when it is read at once: waits", JSON.stringify((await again.ask("waits", { trace: 0, from: 0, to: same.duration, by: "refined" })).ok), JSON.stringify(waits));
await other.stop();

// ---- stopped ------------------------------------------------------------------------------------

const third = await begin("stopped");
await eventually(() => info(third.socket));
checks.check("stop is answered", (await third.socket.ask("stop", { trace: 0 })).ok);
const { trace: stopped } = await third.socket.push((p) => p.push === "trace" && p.trace.state !== "importing");
checks.equal("a stopped import", stopped.state, "failed");
checks.check("says that it was stopped", /stop|cancel/i.test(stopped.fault?.text), JSON.stringify(stopped.fault));
const error = (await third.socket.ask("info", { trace: 0 })).error;
checks.check("and cannot be asked", error?.text, JSON.stringify(error));
checks.equal("the server is well", (await third.server.stop()).status, 0);
third.feed.stop();
checks.end();
