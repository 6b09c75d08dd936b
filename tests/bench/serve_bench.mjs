// tests/bench/serve_bench.mjs - what the page waits for: the first picture of a trace that has never
// been opened, and any window of one that has; over the websocket, as the page asks.
//     node tests/bench/serve_bench.mjs TRACE...
// Prints one line per trace.  Least and median are told, as other programs may run beside.
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Socket, serve } from "../server/serve.mjs";

const WINDOWS = 300;
const WIDTH = 1920;
const MAX_LANES = 64;

const rank = (values, share) => values.sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];
const ms = (value) => `${value.toFixed(1)} ms`;

/** Lanes as an unfolded timeline has them: all processors, then members of the largest group. */
async function lanesOf(socket, info) {
  const largest = info.groups.map((group, i) => ({ i, n: group.n })).sort((a, b) => b.n - a.n)[0].i;
  const { ok } = await socket.ask("members", { trace: 0, group: largest, from: 0, to: info.duration, order: "wait", limit: MAX_LANES });
  return [...info.procs.map((p) => `P${p}`), ...ok.rows.map((row) => `G${row.g}`)].slice(0, MAX_LANES);
}

async function bench(trace) {
  const cache = mkdtempSync(join(tmpdir(), "parkview-bench-"));
  const start = performance.now();
  const server = await serve([trace], { env: { XDG_CACHE_HOME: cache } });
  const status = () => readFileSync(`/proc/${server.child.pid}/status`, "utf8");
  const socket = await Socket.open(server);
  const tiles = (info, lanes, from, width) => {
    const level = Math.max(0, Math.ceil(Math.log2(width / WIDTH)));
    const span = 1024 * 2 ** level;
    return socket.ask("tiles", { trace: 0, level, from: Math.floor(from / span), to: Math.floor((from + width) / span) + 1, lanes });
  };

  let info;
  while (!(info = (await socket.ask("info", { trace: 0 })).ok)) await new Promise((r) => setTimeout(r, 5));
  await tiles(info, info.procs.map((p) => `P${p}`), 0, info.duration);
  const first = performance.now() - start;
  while (!(info = (await socket.ask("info", { trace: 0 })).ok).complete) await new Promise((r) => setTimeout(r, 20));
  const complete = performance.now() - start;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(status())[1]) / 1000;

  const lanes = await lanesOf(socket, info);
  const times = { tiles: [], waits: [] };
  const bytes = [];
  for (let i = 0; i < WINDOWS; i++) {
    const width = Math.max(1000, info.duration / 2 ** (Math.random() * 20));
    const from = Math.random() * (info.duration - width);
    let at = performance.now();
    bytes.push((await tiles(info, lanes, from, width)).binary.length);
    times.tiles.push(performance.now() - at);
    at = performance.now();
    await socket.ask("waits", { trace: 0, from: Math.floor(from), to: Math.floor(from + width), by: "reason" });
    times.waits.push(performance.now() - at);
  }
  const now = Number(/VmRSS:\s+(\d+)/.exec(status())[1]) / 1000;
  await server.stop();
  rmSync(cache, { recursive: true });
  const spread = (values) => `${ms(rank(values, 0))} / ${ms(rank(values, 0.5))} / ${ms(rank(values, 0.99))}`;
  console.log(
    `${basename(trace)} (${(statSync(trace).size / 1e6).toFixed(0)} MB): first picture ${ms(first)}, complete ${ms(complete)}, ` +
      `peak ${peak.toFixed(0)} MB; ${lanes.length} lanes x ${WIDTH} px, any zoom, least/median/p99: ${spread(times.tiles)}, ` +
      `answer ${(rank(bytes, 0.5) / 1000).toFixed(0)} KB (p99 ${(rank(bytes, 0.99) / 1000).toFixed(0)}); ` +
      `wait table ${spread(times.waits)}; then ${now.toFixed(0)} MB resident`,
  );
}

for (const trace of process.argv.slice(2)) await bench(trace);
process.exit(0);
