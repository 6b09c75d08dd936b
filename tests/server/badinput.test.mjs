// tests/server/badinput.test.mjs - files that are no traces, or are damaged, or find no room: one
// sentence, the right exit status, nothing half-written, and no crash.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Checks, parkview, root } from "../lib/project.mjs";
import { scratch, serve } from "./serve.mjs";

const checks = new Checks();
const trace = readFileSync(join(root, "samples/lock-convoy.trace"));
const cache = join(scratch, "bad-cache");
const file = (name, data) => {
  const path = join(scratch, name);
  writeFileSync(path, data);
  return path;
};
const run = (args, { limit, input, env = {}, timeout = 60_000 } = {}) => {
  const command = limit ? ["prlimit", `--fsize=${limit}`, parkview, ...args] : [parkview, ...args];
  return spawnSync(command[0], command.slice(1), {
    encoding: "utf8",
    input,
    timeout,
    maxBuffer: 1 << 28,
    env: { ...process.env, XDG_CACHE_HOME: cache, ...env },
  });
};
const leftovers = () =>
  existsSync(join(cache, "parkview")) ? readdirSync(join(cache, "parkview")).filter((f) => /partial|once|journal/.test(f)) : [];

const flipped = Buffer.from(trace);
flipped.fill(0xff, 150_000, 150_003);
mkdirSync(join(scratch, "folder"));
const cases = [
  ["missing", join(scratch, "no-such-file"), 3, /No such file/],
  ["a folder", join(scratch, "folder"), 3, /is a directory/],
  ["empty", file("empty", ""), 3, /empty/],
  ["text", file("text", "hello, world\n"), 3, /at byte 0/],
  ["zeros", file("zeros", Buffer.alloc(1 << 20)), 3, /at byte 0/],
  ["a version to come", file("future", "go 1.99 trace\0\0\0"), 3, /1\.99/],
  ["half a header", file("half", trace.subarray(0, 9)), 3, /at byte/],
  ["cut off", file("cut", trace.subarray(0, 300_000)), 1, /damaged.*at byte \d+/],
  ["bytes flipped", file("flipped", flipped), 1, /damaged.*at byte 1\d{5}/],
  ["a gzip of nothing", file("empty.gz", Buffer.from("1f8b08000000000000030300000000000000", "hex").subarray(0, 12)), 3, /at byte/],
  ["zstd of garbage", file("bad.zst", Buffer.concat([Buffer.from("28b52ffd", "hex"), Buffer.alloc(1000, 0xee)])), 3, /at byte/],
];
for (const [label, path, status, sentence] of cases) {
  for (const args of [["waits", path], ["import", path], ["summary", path], ["dump", path]]) {
    const got = run(args);
    const name = `${args[0]} of ${label}`;
    checks.check(`${name}: exit status`, [status].flat().includes(got.status), `${got.status} ${got.signal ?? ""} ${got.stderr}`);
    const lines = got.stderr.split("\n").filter((line) => line.startsWith("parkview: "));
    if (args[0] !== "summary" || got.status === 3) {
      checks.equal(`${name}: one sentence`, lines.length, 1);
      checks.check(`${name}: it says what`, sentence.test(got.stderr), got.stderr);
    }
  }
}
checks.equal("nothing half-written", leftovers().join(), "");

for (const [label, path, status] of cases.filter((c) => c[2] === 3)) {
  const refused = await serve([path], { env: { XDG_CACHE_HOME: cache } }).catch((error) => error);
  checks.equal(`open of ${label}: exit status`, refused.status, status);
  checks.check(`open of ${label}: one sentence, before any address`, refused.server?.out === "" && /^parkview: .+\n$/.test(refused.server.err), refused.server?.err);
}

if (process.getuid() !== 0) {
  const secret = file("secret", trace);
  chmodSync(secret, 0);
  const got = run(["waits", secret]);
  checks.check("no permission", got.status === 3 && /Permission denied/.test(got.stderr), got.stderr);
}

const hostile = file("evil\x1b[2J\u009bname", "no trace");
const shown = run(["waits", hostile]).stderr;
checks.check("a file's name cannot reach the terminal's controls", !/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(shown), JSON.stringify(shown));

/** A generation of n threads with one event each, of which none can come first. */
function manyThreads(n) {
  const number = (v) => {
    const bytes = [];
    for (; v >= 128; v = Math.floor(v / 128)) bytes.push((v % 128) + 128);
    return [...bytes, v];
  };
  const clock = [8, ...number(1e9)];
  const noThread = [...Array(9).fill(255), 1];
  const out = [...Buffer.from("go 1.22 trace\0\0\0"), 1, 1, ...noThread, 1, clock.length, ...clock];
  for (let m = 0; m < n; m++) out.push(1, 1, ...number(m), 5, 2, 11, 1);
  return Buffer.from(out);
}
const threads = spawnSync("prlimit", ["--as=2500000000", parkview, "summary", file("threads", manyThreads(300_000))], { encoding: "utf8" });
checks.check("300,000 threads in 3 MB take no gigabytes", threads.status === 1 && /damaged: event ProcStop/.test(threads.stdout), threads.stdout.slice(0, 200));

// ---- no room ------------------------------------------------------------------------------------

for (const limit of [1, 4096, 20_000, 60_000]) {
  const store = join(scratch, `full-${limit}.pvstore`);
  const got = run(["import", "-o", store, join(root, "samples/lock-convoy.trace")], { limit });
  checks.equal(`no room after ${limit} bytes: exit status`, got.status, 3);
  checks.check(`no room after ${limit} bytes: a sentence`, /^parkview: .+\n$/.test(got.stderr), got.stderr);
  checks.equal(`no room after ${limit} bytes: nothing left`, readdirSync(scratch).filter((f) => f.startsWith(`full-${limit}`)).join(), "");
  const cached = run(["waits", join(root, "samples/gc-assist.trace")], { limit });
  checks.equal(`no room in the cache after ${limit} bytes`, cached.status, 3);
  checks.equal("nothing left there", leftovers().join(), "");
}
const fullOut = spawnSync("sh", ["-c", `"$0" waits "$1" > /dev/full`, parkview, join(root, "samples/lock-convoy.trace")], { encoding: "utf8", env: { ...process.env, XDG_CACHE_HOME: cache } });
checks.check("standard output is full", fullOut.status === 3 && /No space left/.test(fullOut.stderr), `${fullOut.status} ${fullOut.stderr}`);
checks.equal("the cache cannot be made", run(["waits", join(root, "samples/lock-convoy.trace")], { env: { XDG_CACHE_HOME: "/dev/null" } }).status, 3);
checks.equal("a store cannot be written there", run(["import", "-o", "/no/such/folder/x", join(root, "samples/lock-convoy.trace")]).status, 3);

// ---- a store that is cut off, and one where a trace is needed -------------------------------------------

const store = join(scratch, "given.pvstore");
run(["import", "-o", store, join(root, "samples/lock-convoy.trace")]);
const bytes = readFileSync(store);
for (const n of [200, 5000, bytes.length >> 1, bytes.length - 1]) {
  const got = run(["waits", file(`cut-${n}.pvstore`, bytes.subarray(0, n))]);
  checks.check(`a store of which ${n} bytes are left`, got.status === 3 && got.stdout === "" && /^parkview: [^:]+: a store of \d+ bytes that is cut off, at byte \d+\n$/.test(got.stderr), got.stderr);
}
for (const command of ["summary", "digest", "dump"]) {
  const got = run([command, store]);
  checks.equal(`${command} of a store: exit status`, got.status, 3);
  checks.check(`${command} of a store: it says what to ask instead`, /^parkview: .* is a store.*`parkview waits`/.test(got.stderr), got.stderr);
}

// ---- pipes --------------------------------------------------------------------------------------

const whole = run(["waits", "--format", "csv", join(root, "samples/lock-convoy.trace")]);
const piped = run(["waits", "--format", "csv", "-"], { input: trace });
checks.equal("a pipe gives the same", piped.stdout, whole.stdout);
const substituted = spawnSync("bash", ["-c", `"$0" waits --format csv <(cat "$1")`, parkview, join(root, "samples/lock-convoy.trace")], { encoding: "utf8", env: { ...process.env, XDG_CACHE_HOME: cache } });
checks.equal("and so does <(command)", substituted.stdout, whole.stdout);
checks.equal("and leaves nothing in the cache", leftovers().join(), "");
checks.equal("a pipe of nothing", run(["waits", "-"], { input: "" }).status, 3);

// ---- usage --------------------------------------------------------------------------------------

for (const args of [[], ["nonsense"], ["waits"], ["waits", "a", "b"], ["waits", "--nonsense", "a"], ["waits", "--from", "1x", "a"], ["waits", "--from", "2s", "--to", "1s", "a"], ["waits", "--by", "colour", "a"], ["waits", "--from"], ["import"], ["import", "-"], ["open", "--port", "70000"], ["open", "--port=x"], ["open", "--no-browser=1"], ["cache", "x"], ["completion"], ["completion", "tcsh"], ["help", "nonsense"]]) {
  const got = run(args);
  checks.equal(`usage: ${args.join(" ")}`, got.status, 2);
  checks.check(`usage: ${args.join(" ")}: says so`, (got.stderr + got.stdout).length > 20);
}
checks.check("a slip of the finger", /did you mean 'waits'/.test(run(["wiats"]).stderr));

const listed = run(["help"]).stdout;
const commands = [...listed.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map((m) => m[1]);
checks.check("help lists commands", commands.length >= 8, commands.join());
for (const command of commands) {
  const help = run([command, "--help"]);
  checks.equal(`${command} --help: exit status`, help.status, 0);
  checks.check(`${command} --help: usage and examples`, help.stdout.startsWith(`usage: parkview ${command}`) && help.stdout.includes("\nExamples:\n"));
  checks.equal(`help ${command} is the same`, run(["help", command]).stdout, help.stdout);
  checks.check(`${command} --help: at most 100 columns`, help.stdout.split("\n").every((line) => line.length <= 100));
  // Every option that the text describes is one that the command takes (`open` then serves: it is
  // ended).
  for (const [, option] of help.stdout.matchAll(/^ {2}(--?[a-z-]+)/gm)) {
    const got = run([command, option], { timeout: 2000 });
    checks.check(`${command} knows ${option}`, !/no option/.test(got.stderr) || got.status === 0, got.stderr);
  }
}
const completion = run(["completion", "bash"]).stdout;
checks.equal("the completion is a script", spawnSync("bash", ["-n"], { input: completion }).status, 0);
const completed = spawnSync("bash", ["-c", `${completion}\nCOMP_WORDS=(parkview waits --f); COMP_CWORD=2; _parkview; echo "\${COMPREPLY[*]}"`], { encoding: "utf8" }).stdout.trim();
checks.equal("it completes options", completed, "--from --format");

// ---- times --------------------------------------------------------------------------------------

const windows = [["100000000", "0.1s"], ["100ms", "100000us"], ["100.5ms", "100500000"], ["0.1s", "100000000ns"]];
for (const [a, b] of windows) {
  const [x, y] = [a, b].map((t) => run(["waits", "--format", "json", "--from", t, join(root, "samples/lock-convoy.trace")]).stdout);
  checks.check(`${a} is ${b}`, x === y && x.length > 100);
}
checks.end();
