// tests/bench/runtime.mjs - part `runtime` of run.mjs: the goroutine runtime beside Go 1.26, turn and turn about.
// Ratios are of processor time of the whole process where the machine may be busy: wall time stands beside it.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build, root } from "../lib/project.mjs";

const GO = [process.env.PARKVIEW_GO_1_26, "/usr/lib/go-1.26/bin/go"].find((p) => p && existsSync(p));
const PAIRS = [["1 pair on 1 P", "1", "1"], ["1 pair on 2 P", "2", "1"], ["8 pairs on 2 P", "2", "8"]];

const least = (list) => Math.min(...list);
const ns = (list) => `${[...list].sort((a, b) => a - b)[list.length >> 1].toFixed(1)} ns [${least(list).toFixed(1)}–${Math.max(...list).toFixed(1)}]`;
const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function goProgram(name, scratch, note) {
  if (!GO) return note(`${name}.go: no Go 1.26 (PARKVIEW_GO_1_26)`);
  const exe = join(scratch, name);
  const made = spawnSync(GO, ["build", "-o", exe, join(root, `tests/bench/go/${name}.go`)], {
    encoding: "utf8",
    env: { ...process.env, GO111MODULE: "off", GOCACHE: join(scratch, "gocache"), GOFLAGS: "" },
  });
  return made.status === 0 ? exe : note(`${name}.go: ${made.stderr.trim()}`);
}

/** Numbers that a benchmark printed. */
function figures(program, argv) {
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${argv.join(" ")}: ${stderr || status}`);
  return stdout.trim().split(/\s+/).map(Number);
}

function switching({ ours, go, row, turns }) {
  const sides = { ours: () => figures(ours, ["switch", "2000000"]) };
  if (go) sides.go = () => figures(go, ["switch", "2000000"]);
  const got = turns(sides);
  const cpu = got.ours.map((f) => f[1]);
  row("goroutine switch", "2 on 1 P", `CPU ${ns(cpu)}${go ? `; Go ${ns(got.go.map((f) => f[1]))}` : ""}`, "≤ 20 ns", middle(cpu) <= 20);
}

function pingpong({ ours, go, row, turns, scratch }) {
  for (const [on, procs, pairs] of PAIRS) {
    const argv = ["pingpong", String(Math.round(600000 / pairs)), procs, pairs];
    const sides = {
      plain: () => figures(ours, argv),
      traced: () => figures(ours, [...argv, join(scratch, "pingpong.ring")]),
    };
    if (go) {
      sides.go = () => figures(go, argv);
      sides.goTraced = () => figures(go, [...argv, join(scratch, "pingpong.trace")]);
    }
    const got = turns(sides);
    const cpu = (side) => got[side].map((f) => f[1]);
    if (go)
      row("channel round trip", on, `CPU ${ns(cpu("plain"))}, wall ${ns(got.plain.map((f) => f[0]))}; Go CPU ${ns(cpu("go"))}, wall ${ns(got.go.map((f) => f[0]))}`,
        "faster than Go 1.26", middle(cpu("plain")) < middle(cpu("go")));
    const slower = middle(cpu("traced")) / middle(cpu("plain"));
    const goes = go ? `; Go ${(middle(cpu("goTraced")) / middle(cpu("go"))).toFixed(2)}× (${ns(cpu("goTraced"))})` : "";
    row("the same, recorded", on, `${slower.toFixed(2)}× (CPU ${ns(cpu("traced"))})${goes}`, "≤ 1.25×", slower <= 1.25);
  }
}

function many({ ours, go, row, turns }) {
  const sides = { ours: () => figures(ours, ["many", "100000"]) };
  if (go) sides.go = () => figures(go, ["many", "100000"]);
  const got = turns(sides);
  const say = (list) => `${ns(list.map((f) => f[1]))} to make and park, ${ns(list.map((f) => f[4]))} to wake and end, ${middle(list.map((f) => f[2])).toFixed(0)} bytes each`;
  row("100,000 goroutines", "all CPUs", `${say(got.ours)}${go ? `; Go ${say(got.go)}` : ""}`, "made, parked, woken", true);
}

/** Starts a server that prints its address; {url, stop}. */
async function started(program, argv) {
  const child = spawn(program, argv, { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    child.stdout.once("data", (text) => resolve(String(text).trim()));
    child.once("exit", (status) => reject(new Error(`${program} ended with ${status}`)));
  });
  const cpu = () => readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ").slice(13, 15).reduce((a, t) => a + Number(t) / 100, 0);
  return { url, cpu, stop: () => child.kill() };
}

async function http({ scratch, row, note, turns }) {
  const go = goProgram("http_server", scratch, note);
  if (spawnSync("wrk", ["--version"]).error) return note("http: wrk is missing (apt install wrk)");
  if (!go) return undefined;
  const servers = { ours: await started(join(build, "samples/http-server"), ["0"]), go: await started(go, []) };
  const load = (side) => () => {
    const before = servers[side].cpu();
    const { stdout } = spawnSync("wrk", ["-t1", "-c32", "-d1s", servers[side].url], { encoding: "utf8" });
    const [, perSecond] = /Requests\/sec:\s+([\d.]+)/.exec(stdout) ?? [0, NaN];
    const [, n] = /(\d+) requests in/.exec(stdout) ?? [0, NaN];
    return { perSecond: Number(perSecond), us: ((servers[side].cpu() - before) * 1e6) / Number(n) };
  };
  const got = turns({ ours: load("ours"), go: load("go") }, 15); // the kernel's scheduling is most of the spread
  for (const server of Object.values(servers)) server.stop();
  const of = (side) => got[side].map((r) => r.perSecond);
  const rate = (side) => middle(of(side));
  const cost = (side) => middle(got[side].map((r) => r.us)).toFixed(1);
  row("HTTP under wrk, 32 connections", "all CPUs, wrk beside it", `${(rate("ours") / rate("go")).toFixed(2)}× of Go's: ${rate("ours").toFixed(0)} and ${rate("go").toFixed(0)} requests a second [${least(of("ours")).toFixed(0)}–${Math.max(...of("ours")).toFixed(0)}; ${least(of("go")).toFixed(0)}–${Math.max(...of("go")).toFixed(0)}]; CPU ${cost("ours")} and ${cost("go")} µs a request`,
    "≥ 0.7× net/http", rate("ours") / rate("go") >= 0.7);
}

/** bench, row, note, turns, scratch: run.mjs's. */
export async function runtime({ bench, row, note, turns, scratch }) {
  const tools = { ours: bench("runtime_bench"), go: goProgram("runtime_bench", scratch, note), row, note, turns, scratch };
  switching(tools);
  pingpong(tools);
  many(tools);
  await http(tools);
}
