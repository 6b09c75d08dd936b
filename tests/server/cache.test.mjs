// tests/server/cache.test.mjs - stores that are kept: found again, made anew when the trace has
// changed, removed past the limit, never while in use, and nothing of a killed import.
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Checks, parkview, root } from "../lib/project.mjs";
import { Socket, scratch, serve } from "./serve.mjs";

const checks = new Checks();
const home = join(scratch, "kept");
const folder = join(home, "parkview");
const env = { ...process.env, XDG_CACHE_HOME: home };
const run = (args, more = {}) => spawnSync(parkview, args, { encoding: "utf8", env: { ...env, ...more }, timeout: 60_000 });
const stores = () => readdirSync(folder).filter((f) => f.endsWith(".pvstore")).sort();
const leftovers = () => readdirSync(folder).filter((f) => /partial|once|journal/.test(f));
const copy = (name, to) => {
  const path = join(scratch, to);
  copyFileSync(join(root, "samples", `${name}.trace`), path);
  return path;
};

// ---- found again --------------------------------------------------------------------------------

const trace = copy("lock-convoy", "a.trace");
checks.equal("an empty cache", run(["cache"]).status, 0);
const first = run(["import", trace]);
const store = first.stdout.trim();
checks.check("import prints the store's path", first.status === 0 && store.startsWith(`${folder}/a.trace-`), first.stdout + first.stderr);
const made = statSync(store).ino;
checks.equal("the same trace has the same store", run(["import", trace]).stdout.trim(), store);
checks.equal("which was not made anew", statSync(store).ino, made);
checks.equal("the folder is its owner's alone", statSync(folder).mode & 0o777, 0o700);
checks.check("the list names the trace", /a\.trace\n/.test(run(["cache"]).stdout), run(["cache"]).stdout);
checks.check("the list says how much", /1 store in .*, .*B of at most 8\.00 GB/.test(run(["cache"]).stdout), run(["cache"]).stdout);

// ---- changed ------------------------------------------------------------------------------------

utimesSync(trace, 1, 1);
const second = run(["import", trace]).stdout.trim();
checks.check("another time of change, another store", second !== store && second.startsWith(folder));
copyFileSync(join(root, "samples/gc-assist.trace"), trace);
checks.check("another trace by the same name", !run(["waits", "--format", "csv", trace]).stdout.includes("writeToAuditLog"));
const moved = join(scratch, "elsewhere.trace");
copyFileSync(trace, moved);
checks.check("a copy is another trace", run(["import", moved]).stdout.includes("elsewhere.trace-"));

// ---- a store that is broken ---------------------------------------------------------------------

const whole = run(["waits", "--format", "csv", moved]).stdout;
const broken = run(["import", moved]).stdout.trim();
truncateSync(broken, 5000);
checks.equal("a store cut short is made anew", run(["waits", "--format", "csv", moved]).stdout, whole);
writeFileSync(broken, "no store at all");
checks.equal("and so is one of something else", run(["waits", "--format", "csv", moved]).stdout, whole);

// ---- in use, cleared ----------------------------------------------------------------------------

const server = await serve([moved], { env });
const socket = await Socket.open(server);
while ((await socket.ask("traces")).ok.traces[0].state !== "ready") await new Promise((r) => setTimeout(r, 20));
const cleared = run(["cache", "--clear"]);
checks.check("clear removes what is not in use", cleared.status === 0 && /^\d+ stores removed, .*; 1 in use\n$/.test(cleared.stdout), cleared.stdout);
checks.equal("what is in use stays", stores().length, 1);
checks.check("and works", (await socket.ask("info", { trace: 0 })).ok?.complete);
const answers = await Promise.all(Array.from({ length: 20 }, () => socket.ask("waits", { trace: 0, from: 0, to: 1e9, by: "stack" })));
checks.check("in every worker", answers.every((a) => a.ok));
await server.stop();
checks.check("then it can go", /^1 store removed/.test(run(["cache", "--clear"]).stdout));
checks.equal("nothing is left", readdirSync(folder).filter((f) => f !== "uploads").join(), "");

// ---- the limit ----------------------------------------------------------------------------------

const traces = ["lock-convoy", "gc-assist", "slow-downstream", "leaked-goroutines"].map((name, i) => copy(name, `limit-${i}.trace`));
const sizes = traces.map((path, i) => {
  const made = run(["import", path]).stdout.trim();
  utimesSync(made, 1000 + i, 1000 + i); // used long ago, in this order
  return statSync(made).blocks * 512;
});
checks.equal("all are kept", stores().length, 4);
const last = copy("lock-convoy", "limit-4.trace");
run(["import", last], { PARKVIEW_CACHE_SIZE: String(sizes[0] + sizes[3] + 1000) });
checks.equal("past the limit the longest unused go", stores().map((f) => f.slice(0, 7)).join(), "limit-3,limit-4");
run(["import", traces[0]], { PARKVIEW_CACHE_SIZE: "1K" });
checks.equal("the one just made stays", stores().map((f) => f.slice(0, 7)).join(), "limit-0");

// ---- killed -------------------------------------------------------------------------------------

const many = join(scratch, "killed.trace");
copyFileSync(join(root, "samples/slow-downstream.trace"), many);
const right = run(["waits", "--format", "csv", many]).stdout;
run(["cache", "--clear"]);
for (let i = 0; i < 12; i++) {
  utimesSync(many, 5000 + i, 5000 + i);
  const child = spawn(parkview, ["import", many], { env, stdio: "ignore" });
  const closed = new Promise((r) => child.on("close", r)); // which may be before the kill
  await new Promise((r) => setTimeout(r, 4 * i));
  child.kill("SIGKILL");
  await closed;
  checks.equal(`killed after ${4 * i} ms: the answer is right`, run(["waits", "--format", "csv", many]).stdout, right);
}
checks.equal("and nothing half-made is left", leftovers().join(), "");

// ---- two at a time ------------------------------------------------------------------------------

const shared = copy("gc-assist", "shared.trace");
const children = Array.from({ length: 4 }, () => {
  const child = spawn(parkview, ["waits", "--format", "csv", shared], { env });
  let out = "";
  child.stdout.on("data", (data) => (out += data));
  return new Promise((r) => child.on("close", (status) => r({ status, out })));
});
const outcomes = await Promise.all(children);
checks.check("four processes import one trace", outcomes.every((o) => o.status === 0 && o.out === outcomes[0].out && o.out.length > 100));
checks.equal("into one store", stores().filter((f) => f.startsWith("shared")).length, 1);

// ---- stopped ------------------------------------------------------------------------------------

const pipe = await serve(["/dev/zero"], { env }).catch((error) => error);
checks.equal("gigabytes of zeros are refused at once", pipe.status, 3);
const endless = join(scratch, "endless");
spawnSync("mkfifo", [endless]);
const feeder = spawn("sh", ["-c", `cat "$0" > "$1"; sleep 60`, join(root, "samples/lock-convoy.trace"), endless], { detached: true, stdio: "ignore" });
const waiting = await serve([endless], { env });
const page = await Socket.open(waiting);
checks.check("a pipe that never ends is being imported", ["importing", "ready"].includes((await page.ask("traces")).ok.traces[0].state));
checks.check("it can be told to stop", (await page.ask("stop", { trace: 0 })).ok);
const before = Date.now();
checks.check("Ctrl-C ends it all the same", [0, 1, 3].includes((await waiting.stop()).status) && Date.now() - before < 10_000, Date.now() - before);
process.kill(-feeder.pid);
run(["cache", "--clear"]);
checks.equal("and nothing is left", leftovers().join(), "");

// ---- no home ------------------------------------------------------------------------------------

mkdirSync(join(scratch, "home"));
const homeless = run(["import", trace], { XDG_CACHE_HOME: "", HOME: join(scratch, "home") });
checks.check("without XDG_CACHE_HOME it is ~/.cache", homeless.stdout.startsWith(join(scratch, "home/.cache/parkview/")), homeless.stdout + homeless.stderr);
appendFileSync(trace, "garbage that follows a trace");
checks.equal("damage is remembered: first", run(["waits", trace]).status, 1);
checks.equal("damage is remembered: from the cache", run(["waits", trace]).status, 1);
checks.check("and told again", /damaged.*byte \d+/.test(run(["waits", trace]).stderr));
checks.end();
