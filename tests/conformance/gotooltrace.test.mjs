// tests/conformance/gotooltrace.test.mjs - the web view of Go's own `go tool trace` shows our recordings: every C sample's
// ring is exported, opened there, and its pages are fetched.  Skipped where that program is not ($PARKVIEW_ORACLE names the
// oracle; gotooltrace lies beside it).
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Checks, root, run, skip } from "../lib/project.mjs";

const oracle = process.env.PARKVIEW_ORACLE ??
  join(process.env.PARKVIEW_TEST_CACHE ?? join(homedir(), ".cache/parkview-tests"), "oracle/oracle");
const tool = join(dirname(oracle), "gotooltrace");
if (!existsSync(tool)) skip(`${tool} is not there`);

const checks = new Checks();
const folder = process.env.TMPDIR ?? "/tmp";
const READY_MS = 60000;

/** Starts it on a port of its own; {url, log, stop}.  BROWSER=true: it opens none. */
function open(trace) {
  const child = spawn(tool, ["-http=127.0.0.1:0", trace], { env: { ...process.env, BROWSER: "true" }, stdio: ["ignore", "ignore", "pipe"] });
  return new Promise((resolve, reject) => {
    let text = "";
    const limit = setTimeout(() => child.kill(), READY_MS);
    child.once("exit", (status) => reject(new Error(`ended with ${status}: ${text}`)));
    child.stderr.on("data", (some) => {
      text += some;
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(text) ?? [];
      if (!url) return;
      clearTimeout(limit);
      resolve({ url, log: () => text, stop: () => child.removeAllListeners("exit").kill() });
    });
  });
}

// Not the profiles as SVG: for these it needs a whole Go toolchain and graphviz.
const PAGES = ["/", "/goroutines", "/trace?view=proc", "/trace?view=thread", "/mmu", "/usertasks", "/userregions"];
const PROFILES = ["io", "block", "syscall", "sched"];

async function look(name, viewer, functions) {
  const get = async (path) => {
    const answer = await fetch(viewer.url + path, { signal: AbortSignal.timeout(READY_MS) });
    checks.equal(`${name}: ${path}`, answer.status, 200);
    return answer;
  };
  for (const page of PAGES) await get(page);
  const list = await (await get("/goroutines")).text();
  for (const f of functions) {
    checks.check(`${name}: the goroutines that began in ${f}`, list.includes(`>${f}<`), list);
    const page = await (await get(`/goroutine?name=${f}`)).text();
    checks.check(`${name}: ${f} has its times`, /Execution time|exec/i.test(page));
  }
  for (const profile of PROFILES) {
    const bytes = Buffer.from(await (await get(`/${profile}?raw=1`)).arrayBuffer());
    checks.check(`${name}: the profile ${profile} is one`, gunzipSync(bytes).length > 0);
  }
  for (const view of ["proc", "thread"]) {
    const { traceEvents } = await (await get(`/jsontrace?view=${view}`)).json();
    const slices = traceEvents.filter((e) => e.ph === "X");
    const names = traceEvents.filter((e) => e.name === "thread_name").map((e) => e.args.name);
    checks.check(`${name}: ${view}: slices of goroutines`, slices.some((e) => functions.some((f) => e.name.includes(` ${f}`))), slices.length);
    checks.check(`${name}: ${view}: lanes and nothing else`, names.length > 1 && names.length < 100, names.length);
  }
  checks.check(`${name}: it has no complaint`, !/error|lost/i.test(viewer.log()), viewer.log());
}

for (const file of readdirSync(join(root, "samples")).filter((f) => f.endsWith(".ring.zst"))) {
  const name = file.replace(".ring.zst", "");
  const trace = join(folder, `${name}.web.trace`);
  const ring = join(root, "samples", file);
  if (!checks.equal(`${name}: exported`, run(["export", "--format", "gotrace", ring, "-o", trace]).status, 0)) continue;
  const asked = run(["query", "--format", "json", ring, "SELECT DISTINCT start_function AS f FROM slices WHERE state = 'running' AND start_function <> ''"]);
  const functions = JSON.parse(asked.stdout).map((row) => row.f);
  checks.check(`${name}: functions in which goroutines began`, functions.length > 0, asked.stderr);
  const viewer = await open(trace);
  await look(name, viewer, functions);
  viewer.stop();
}
checks.end();
