// tests/server/talk.test.mjs - requests on the websocket: every operation, tiles that are well
// formed, cancellation, several traces and clients, and messages that mean harm.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { Socket, serve } from "./serve.mjs";
import { readTiles } from "./tiles.mjs";

const checks = new Checks();
const samples = ["lock-convoy", "gc-assist"].map((name) => join(root, "samples", `${name}.trace`));
const server = await serve(samples);
const socket = await Socket.open(server);
const until = async (number, state) => {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((r) => setTimeout(r, 20))) {
    const { ok } = await socket.ask("traces");
    if (ok.traces[number]?.state === state) return ok.traces[number];
  }
  throw new Error(`trace ${number} never became ${state}`);
};

// ---- two traces ---------------------------------------------------------------------------------

const traces = [await until(0, "ready"), await until(1, "ready")];
checks.equal("two traces, in order", traces.map((t) => t.name).join(), "lock-convoy.trace,gc-assist.trace");
checks.equal("no fault", JSON.stringify(traces.map((t) => t.fault)), "[null,null]");
const lists = (await socket.ask("traces")).ok;
checks.check("samples are listed", lists.samples.length >= 4 && lists.samples.every((s) => s.name && s.title && s.text && s.kind));
checks.check("recent stores are listed", lists.recent.length >= 2 && lists.recent.every((r) => r.name && r.bytes > 0 && r.store));

const infos = [];
for (const trace of [0, 1]) {
  const info = (await socket.ask("info", { trace })).ok;
  infos.push(info);
  checks.equal(`trace ${trace}: format`, info.format, "Go 1.26");
  checks.check(`trace ${trace}: complete`, info.complete === true && info.duration > 0 && info.events > 0);
  checks.check(`trace ${trace}: lanes`, info.procs.length > 0 && info.procs.every(Number.isInteger));
  checks.check(`trace ${trace}: tags`, info.tags.length > 3 && info.tags.every((t) => t.state && t.family));
  checks.check(`trace ${trace}: groups`, info.groups.some((g) => g.kind === "user" && g.n > 0));
}
checks.check("they are two", infos[0].duration !== infos[1].duration);

// ---- tiles --------------------------------------------------------------------------------------

const info = infos[0];
const level = Math.max(0, Math.ceil(Math.log2(info.duration / 1920)));
const last = Math.floor(info.duration / 2 ** level / 1024);
const lanes = info.procs.map((p) => `P${p}`);
const answer = await socket.ask("tiles", { trace: 0, level, from: 0, to: last + 1, lanes: [...lanes, "ALL", "F0"] });
checks.check("tiles are binary", answer.binary instanceof Buffer, JSON.stringify(answer));
const tiles = readTiles(answer.binary);
checks.equal("one record per lane and tile", tiles.records.length, (lanes.length + 2) * (last + 1));
checks.equal("the message ends with its last record", tiles.end, answer.binary.length);
checks.check("records are in order", tiles.records.every((r, i) => r.lane === Math.floor(i / (last + 1)) && r.index === i % (last + 1) && r.level === level));
checks.check("complete: no record says ask again", tiles.records.every((r) => (r.flags & 1) === 0));
checks.check("buckets are below 1024", tiles.records.every((r) => r.parts.every((p) => p.n > 0 && p.bucket + p.n <= 1024 >> r.shift)));
checks.check("tags are known", tiles.records.every((r) => [...r.solidTag, ...r.parts.map((p) => p.tag)].every((t) => t < info.tags.length)));
checks.check("groups are known", tiles.records.every((r) => r.solidGroup.every((g) => g < info.groups.length)));
checks.check("solids are at least a bucket long", tiles.records.every((r) => r.solidDur.every((d) => d >= 2 ** level)));
checks.check("there is something to see", tiles.records.some((r) => r.solidStart.length > 0) && tiles.records.some((r) => r.parts.length > 0));
// A processor runs one goroutine at a time: within a tile its time cannot exceed the tile's.
for (const record of tiles.records.filter((r) => r.lane < lanes.length)) {
  const from = record.index * 1024 * 2 ** level, to = from + 1024 * 2 ** level;
  let sum = 0;
  record.solidStart.forEach((start, i) => (sum += Math.max(0, Math.min(to, start + record.solidDur[i]) - Math.max(from, start))));
  record.parts.forEach((p) => (sum += p.n * p.cover * 2 ** (level + record.shift)));
  checks.check(`P lane ${record.lane}, tile ${record.index}: not fuller than full`, sum <= (to - from) * 1.001, `${sum / (to - from)}`);
}
checks.check("tiles of the last level", (await socket.ask("tiles", { trace: 0, level: 48, from: 0, to: 1, lanes: ["P0"] })).binary);
checks.equal("tiles of no lanes", (await socket.ask("tiles", { trace: 0, level: 20, from: 0, to: 1, lanes: [] })).binary?.length, 8);

// ---- the other operations -----------------------------------------------------------------------

const all = { trace: 0, from: 0, to: info.duration };
for (const by of ["reason", "refined", "function", "stack"]) {
  const { ok } = await socket.ask("waits", { ...all, by });
  checks.check(`waits by ${by}`, ok?.rows.length > 0 && ok.rows.every((r) => r.count > 0 && r.total >= 0 && r.hist.length === 48 && r.family));
  checks.check(`waits by ${by}: rows add up`, ok?.rows.reduce((n, r) => n + r.total, 0) === ok?.total);
  checks.check(`waits by ${by}: largest first`, ok?.rows.every((r, i) => i === 0 || r.total <= ok.rows[i - 1].total));
}
const biggest = info.groups.map((g, i) => [g.n, i]).sort((a, b) => b[0] - a[0])[0][1];
const members = (await socket.ask("members", { ...all, group: biggest, order: "wait", offset: 0, limit: 3 })).ok;
checks.check("members", members?.all === info.groups[biggest].n && members.rows.length === Math.min(3, members.all), JSON.stringify(members));
const g = members.rows[0].g;
const goroutine = (await socket.ask("goroutine", { trace: 0, g })).ok;
checks.check("goroutine", goroutine?.g === g && goroutine.group === biggest && goroutine.end >= goroutine.start);
checks.equal("the same goroutine by text", JSON.stringify((await socket.ask("goroutine", { trace: 0, g: String(g) })).ok), JSON.stringify(goroutine));
checks.equal("no such goroutine", (await socket.ask("goroutine", { trace: 0, g: 2 ** 50 })).ok, null);
checks.check("ranges", Array.isArray((await socket.ask("ranges", { ...all, all: true, limit: 50 })).ok?.rows));
checks.check("counter", Array.isArray((await socket.ask("counter", { ...all, name: "/memory/classes/heap/objects:bytes", px: 200 })).ok?.points));

const middle = Math.floor((goroutine.start + goroutine.end) / 2);
const slice = (await socket.ask("slice", { trace: 0, lane: `G${g}`, at: middle })).ok;
checks.check("slice", slice?.g === g && slice.start <= middle && middle < slice.start + slice.dur && slice.state, JSON.stringify(slice)?.slice(0, 300));
checks.check("its stack", Array.isArray(slice?.stack) && slice.stack.every((f) => typeof f.library === "boolean"));
const next = (await socket.ask("step", { trace: 0, g, at: middle, step: 1 })).ok;
checks.check("the step after it", next === null || next.start === slice.start + slice.dur);
checks.equal("as `next` says", next?.start, slice?.next?.start);
const chain = (await socket.ask("chain", { trace: 0, g, at: middle, limit: 5 })).ok;
checks.check("chain", chain?.links.length >= 1 && chain.links[0].start === slice.start);
const hits = (await socket.ask("search", { trace: 0, text: `G${g}`, limit: 10 })).ok?.hits;
checks.check("search for a goroutine", hits?.some((h) => h.kind === "goroutine" && h.g === g), JSON.stringify(hits));
checks.check("search for a function", (await socket.ask("search", { trace: 0, text: "MAIN.", limit: 10 })).ok?.hits.some((h) => h.kind === "function"));
checks.check("search for a reason", (await socket.ask("search", { trace: 0, text: "mutex", limit: 10 })).ok?.hits.some((h) => h.kind === "reason"));
checks.equal("search for nothing", (await socket.ask("search", { trace: 0, text: "", limit: 10 })).ok?.hits.length, 0);

// ---- SQL ----------------------------------------------------------------------------------------

const sql = (text, limit) => socket.ask("query", { trace: 0, sql: text, ...(limit && { limit }) });
const counted = (await sql("SELECT count(*) AS n, sum(duration_ns) AS total_ns FROM waits")).ok;
checks.equal("query: columns", counted?.columns.join(), "n,total_ns");
const waits = (await socket.ask("waits", { ...all, by: "reason" })).ok;
checks.equal("query: as many waits as the wait table has", counted?.rows[0][0], waits.count);
checks.check("query: took some time", counted?.ms > 0 && counted.truncated === false);
const some = (await sql("SELECT g FROM goroutines", 3)).ok;
checks.check("query: no more rows than asked for", some?.rows.length === 3 && some.truncated === true);
checks.equal("query: values of each kind", JSON.stringify((await sql("SELECT NULL, 1, 1.5, 'a\u00fc', x'00ff', 9223372036854775807, 9e999")).ok?.rows[0]), '[null,1,1.5,"aü","x\'00ff\'","9223372036854775807",null]');
checks.equal("query: bytes that are no text", (await sql("SELECT CAST(x'61ff62' AS TEXT)")).ok?.rows[0][0], "a\ufffdb");
for (const text of ["", "SELEC 1", "SELECT", "DELETE FROM meta", "ATTACH 'x' AS y", "SELECT load_extension('x')", "PRAGMA writable_schema=1", "SELECT readfile('/etc/passwd')", "CREATE TABLE x(y)", "SELECT 1; SELECT 2"])
  checks.check(`query refused: ${text}`, (await sql(text)).error?.text, text);
const endless = sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n");
const started = Date.now();
checks.check("while a query runs the timeline is answered", (await socket.ask("tiles", { trace: 0, level, from: 0, to: 1, lanes })).binary);
checks.check("and another kind of question", (await socket.ask("waits", { ...all, by: "reason" })).ok);
socket.send({ op: "cancel", id: endless.id });
checks.equal("a query is canceled", (await endless).error?.code, "canceled");
checks.check("at once", Date.now() - started < 5000, Date.now() - started);
checks.equal("search: quotes and wildcards are letters", (await socket.ask("search", { trace: 0, text: "'%_^\\", limit: 10 })).ok?.hits.length, 0);
const tasks = (await socket.ask("search", { trace: 1, text: "request", limit: 50 })).ok?.hits;
checks.check("search for a task", tasks?.some((h) => h.kind === "task" && h.at >= 0), JSON.stringify(tasks?.slice(0, 3)));

// ---- wrong requests -----------------------------------------------------------------------------

for (const [op, fields] of [
  ["nonsense", {}],
  ["__proto__", {}],
  ["info", {}],
  ["info", { trace: -1 }],
  ["info", { trace: 99 }],
  ["info", { trace: "0" }],
  ["info", { trace: 1e300 }],
  ["tiles", { trace: 0, level: 49, from: 0, to: 1, lanes: ["P0"] }],
  ["tiles", { trace: 0, level: -1, from: 0, to: 1, lanes: ["P0"] }],
  ["tiles", { trace: 0, level: 0, from: 0, to: 1e9, lanes: ["P0"] }],
  ["tiles", { trace: 0, level: 0, from: 5, to: 4, lanes: ["P0"] }],
  ["tiles", { trace: 0, level: 0, from: 2 ** 53, to: 2 ** 53, lanes: ["P0"] }],
  ["tiles", { trace: 0, level: 0, from: 0, to: 1, lanes: "P0" }],
  ["tiles", { trace: 0, level: 0, from: 0, to: 1, lanes: [null] }],
  ["tiles", { trace: 0, level: 0, from: 0, to: 1, lanes: ["P"] }],
  ["tiles", { trace: 0, level: 0, from: 0, to: 1, lanes: ["X1"] }],
  ["tiles", { trace: 0, level: 0, from: 0, to: 1, lanes: ["P1x"] }],
  ["tiles", { trace: 0, level: 0, from: 0, to: 1, lanes: Array(5000).fill("P0") }],
  ["waits", { trace: 0, from: 10, to: 5, by: "reason" }],
  ["waits", { trace: 0, from: -1, to: 5, by: "reason" }],
  ["waits", { trace: 0, from: 0, to: 5, by: "colour" }],
  ["waits", { trace: 0, from: 0.5, to: 5, by: "reason" }],
  ["members", { ...all, group: 0, order: "size" }],
  ["members", { ...all, set: "G1" }],
  ["members", { ...all, set: "S999999" }],
  ["sets", { trace: 0 }],
  ["sets", { trace: 0, by: "size" }],
  ["sets_of", { trace: 0, by: "task" }],
  ["tiles", { trace: 0, level: 20, from: 0, to: 1, lanes: ["S10000", "S20000"] }],
  ["area", { ...all, by: "reason", set: "F1" }],
  ["goroutine", { trace: 0, g: "17x" }],
  ["goroutine", { trace: 0, g: {} }],
  ["slice", { trace: 0, lane: "ALL", at: 0 }],
  ["step", { trace: 0, g, at: 0, step: 2 }],
  ["counter", { ...all, px: 100 }],
  ["counter", { ...all, name: "x", px: 0 }],
  ["search", { trace: 0 }],
  ["query", { trace: 0 }],
  ["query", { trace: 0, sql: "SELECT 1", limit: 0 }],
  ["open", {}],
  ["open", { sample: "../../etc/passwd" }],
  ["open", { recent: "../../../etc/passwd" }],
  ["open", { recent: "no-such.pvstore" }],
  ["stop", { trace: 77 }],
]) {
  const { error } = await socket.ask(op, fields);
  checks.check(`refused: ${op} ${JSON.stringify(fields).slice(0, 60)}`, error?.code && error.text, JSON.stringify(error));
}
checks.check("a goroutine that is not there", (await socket.ask("slice", { trace: 0, lane: "G999999999", at: 0 })).ok === null);
checks.check("a processor that is not there", (await socket.ask("tiles", { trace: 0, level: 10, from: 0, to: 1, lanes: ["P4000"] })).binary);

// ---- a picture is answered before all else that waits ----------------------------------------------

const order = [];
const told = (name) => () => order.push(name);
const queued = Array.from({ length: 400 }, () => socket.ask("members", { ...all, group: biggest, order: "wait", limit: 2000 }).then(told("members")));
queued.push(socket.ask("tiles", { trace: 0, level, from: 0, to: 1, lanes }).then(told("tiles")));
await Promise.all(queued);
checks.check("tiles are answered before what was asked earlier", order.length === 401 && order.indexOf("tiles") < 200, order.indexOf("tiles"));

// ---- cancellation -------------------------------------------------------------------------------

const many = Array.from({ length: 200 }, () => socket.ask("tiles", { trace: 0, level: 8, from: 0, to: 64, lanes }));
for (const one of many) socket.send({ op: "cancel", id: one.id });
const outcomes = await Promise.all(many);
checks.check("each is answered once", outcomes.every((o) => o.binary || o.error?.code === "canceled"), JSON.stringify(outcomes.find((o) => o.error && o.error.code !== "canceled")));
checks.check("most of them canceled", outcomes.filter((o) => o.error).length > 100, outcomes.filter((o) => o.error).length);
socket.send({ op: "cancel", id: 4_000_000_000 });
checks.check("cancelling nothing is no matter", (await socket.ask("info", { trace: 0 })).ok);
const flood = await Promise.all(Array.from({ length: 2000 }, () => socket.ask("waits", { ...all, by: "stack" })));
checks.check("a flood is answered, in part by a refusal", flood.every((o) => o.ok || o.error?.code === "limit reached"));
checks.equal("no answer without a request", socket.strays.length, 0);

// ---- messages that mean harm --------------------------------------------------------------------

for (const text of ["", "{", "null", "[]", "7", '"x"', "{}", '{"id":1}', '{"id":-1,"op":"info"}', '{"id":1e99,"op":"info"}', '{"id":"1","op":"info"}', '{"id":1.5,"op":"info"}', '{"id":1,"op":7}', "[".repeat(100_000), '{"id":1,"op":"\\u0000"}', "\x00\x01\x02"]) {
  const bad = await Socket.open(server);
  bad.send(text);
  for (let i = 0; i < 200 && !bad.strays.length && !bad.closed; i++) await new Promise((r) => setTimeout(r, 10));
  checks.check(`answered or closed: ${text.slice(0, 30)}`, bad.strays.some((s) => s.error) || bad.closed || text === "");
  await bad.close();
}
for (const [label, misbehave, code] of [
  ["binary", (s) => s.frame(2, Buffer.alloc(100)), 1003],
  ["too long", (s) => s.frame(1, "x".repeat(300_000)), 1009],
  ["too long in parts", (s) => { for (let i = 0; i < 40; i++) s.frame(i ? 0 : 1, "x".repeat(10_000), false); }],
  ["a reserved opcode", (s) => s.frame(5, "x")],
  ["not masked", (s) => s.raw(Buffer.from([0x81, 0x02, 0x7b, 0x7d]))],
  ["a length of 2^62", (s) => s.raw(Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]))],
]) {
  const bad = await Socket.open(server);
  misbehave(bad);
  await Promise.race([bad.whenClosed, new Promise((r) => setTimeout(r, 2000))]);
  checks.check(`closed: ${label}`, bad.closed || bad.closeCode || /2\^62|masked/.test(label), label);
  if (code) checks.equal(`closed for being ${label}`, bad.closeCode, code);
  checks.check(`after ${label} the server is there`, (await socket.ask("traces")).ok);
  await bad.close();
}

// ---- several clients ----------------------------------------------------------------------------

const others = [];
for (let i = 0; i < 30; i++) others.push(await Socket.open(server));
const open = others.filter((s) => s instanceof Socket);
checks.equal("sixteen at a time", open.length, 15);
checks.check("the others are refused", others.filter((s) => !(s instanceof Socket)).every((s) => s.status === 503));
const answers = await Promise.all(open.map((s) => s.ask("info", { trace: 1 })));
checks.check("each gets its own answer", answers.every((a) => a.ok?.duration === infos[1].duration));
for (const s of open.slice(0, 8)) for (let i = 0; i < 50; i++) s.ask("waits", { ...all, by: "stack" });
await Promise.all(open.map((s) => s.close()));
checks.check("clients that go leave their place", (await Socket.open(server)) instanceof Socket);

// ---- open from the page -------------------------------------------------------------------------

const opened = (await socket.ask("open", { sample: "slow-downstream" })).ok;
checks.equal("a sample gets the next number", opened?.trace, 2);
checks.equal("opened again, it is the same", (await socket.ask("open", { sample: "slow-downstream" })).ok?.trace, 2);
await until(2, "ready");
checks.check("its state was pushed", await socket.push((p) => p.push === "trace" && p.trace.trace === 2 && p.trace.state === "ready"));
checks.check("its info was pushed", await socket.push((p) => p.push === "info" && p.trace === 2 && p.info.complete));

checks.equal("Ctrl-C: exit status", (await server.stop()).status, 0);
const again = await serve();
const fresh = await Socket.open(again);
const recent = (await fresh.ask("traces")).ok.recent.find((r) => r.name === "gc-assist.trace");
checks.check("a recent store", recent);
checks.equal("it opens", (await fresh.ask("open", { recent: recent?.store })).ok?.trace, 0);
await fresh.push((p) => p.push === "trace" && p.trace.state === "ready");
checks.equal("and is the same trace", (await fresh.ask("info", { trace: 0 })).ok?.duration, infos[1].duration);
checks.equal("SIGTERM: exit status", (await again.stop("SIGTERM")).status, 0);
checks.end();
