// tests/bench/tracer.mjs - part `tracer` of run.mjs: what a recorded event costs, beside the clock that it
// reads, in the same rounds of one program.
import { spawnSync } from "node:child_process";

const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

export function tracer({ bench, row, turns }) {
  const figures = () => {
    const { status, stdout, stderr } = spawnSync(bench("tracer_bench"), [], { encoding: "utf8" });
    if (status !== 0) throw new Error(`tracer_bench: ${stderr || status}`);
    const lines = stdout.trim().split("\n");
    return lines.map((line) => Object.fromEntries([...line.matchAll(/(\w+)=([\d.]+)/g)].map(([, k, v]) => [k, Number(v)])));
  };
  const runs = turns({ ours: figures }).ours;
  const [off, one, two, copy] = [0, 1, 2, 3].map((i) => (key) => middle(runs.map((lines) => lines[i][key])));
  for (const [on, f] of [["1 thread", one], ["2 threads", two]]) {
    row("tracer: active event", on, `${f("ratio").toFixed(2)}× reading the TSC: ${f("event_ns").toFixed(1)} ns, TSC ${f("tsc_ns").toFixed(1)} ns`, "≤ 1.2×", f("ratio") <= 1.2);
    row("tracer: bytes an event", on, f("bytes").toFixed(2), "≤ 6", f("bytes") <= 6);
  }
  row("tracer: disabled event", "1 thread", `${off("event_ns").toFixed(2)} ns more than an empty loop`, "≤ 1 ns", off("event_ns") <= 1);
  row("tracer: snapshot of a 4 MiB ring, 2 threads recording", "memory", `CPU p50 ${copy("ms_p50").toFixed(2)} ms, p99 ${copy("ms_p99").toFixed(2)} ms; to a file ${copy("ms_file_p50").toFixed(2)} ms more`, "≤ 1 ms", copy("ms_p50") <= 1);
}
