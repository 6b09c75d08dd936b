// tests/server/upload.test.mjs - traces that the page sends: streamed to disk, imported, shown; and
// uploads that break off, lie, or find no room.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { Socket, http, scratch, serve, tcp } from "./serve.mjs";

const checks = new Checks();
const cache = join(scratch, "upload-cache");
const env = { XDG_CACHE_HOME: cache };
const trace = readFileSync(join(root, "samples/lock-convoy.trace"));
const server = await serve([], { env });
const socket = await Socket.open(server);
const post = (name, body, more = {}) =>
  http(server, `/upload?token=${server.token}&name=${encodeURIComponent(name)}`, { method: "POST", body, ...more });
const filesLeft = () => {
  const uploads = join(cache, "parkview/uploads");
  try {
    return existsSync(uploads) ? readdirSync(uploads, { recursive: true }) : [];
  } catch (error) {
    if (error.code === "ENOENT") return ["a folder that goes away"]; // while it was looked at
    throw error;
  }
};
const eventually = async (what) => {
  for (let i = 0; i < 500; i++) {
    if (what()) return true;
    await new Promise((r) => setTimeout(r, 20));
  }
  return false;
};

// ---- a good one, by several names ---------------------------------------------------------------

const names = ["trace.out", "../../../tmp/evil", "a b%41+c&d=e#f?.trace", "<script>alert(1)</script>", ".hidden", "", "\u00fc\u4e16\u754c.trace", "x".repeat(200), "C:\\traces\\my.trace", "tab\there"];
for (const [i, name] of names.entries()) {
  const answer = await post(name, trace);
  checks.equal(`upload ${JSON.stringify(name).slice(0, 40)}: status`, answer.status, 200);
  checks.equal(`its number`, JSON.parse(answer.body.toString()).trace, i);
  const { trace: got } = await socket.push((p) => p.push === "trace" && p.trace.trace === i && p.trace.state !== "importing");
  checks.equal("it is imported", got.state, "ready");
}
const { traces, recent } = (await socket.ask("traces")).ok;
checks.equal("a name is shown as it was", traces[2].name, names[2]);
checks.equal("a hostile name too", traces[3].name, names[3]);
checks.check("uploads are among the recent", recent.length === names.length, recent.length);
const info = (await socket.ask("info", { trace: 0 })).ok;
checks.check("it can be asked", info?.complete && info.duration > 0);
checks.check("nothing is left of the uploads but stores", await eventually(() => filesLeft().length === 0), filesLeft().join());
checks.check("nothing was written elsewhere", !existsSync("/tmp/evil"));

// ---- not a trace --------------------------------------------------------------------------------

for (const [label, body] of [["text", Buffer.from("hello, world\n".repeat(100))], ["zeros", Buffer.alloc(100_000)], ["one byte", Buffer.from("g")]]) {
  const answer = await post(label, body);
  checks.equal(`${label}: is taken`, answer.status, 200);
  const number = JSON.parse(answer.body.toString()).trace;
  const { trace: got } = await socket.push((p) => p.push === "trace" && p.trace.trace === number && p.trace.state !== "importing");
  checks.equal(`${label}: fails`, got.state, "failed");
  checks.check(`${label}: says why`, got.fault?.text.length > 10, JSON.stringify(got.fault));
  const { error } = await socket.ask("info", { trace: number });
  checks.check(`${label}: info is that fault`, error?.text.length > 10 && error.text === got.fault.text, JSON.stringify(error));
}
checks.check("nothing is left of them", await eventually(() => filesLeft().length === 0), filesLeft().join());

// ---- wrong requests -----------------------------------------------------------------------------

const head = (lines) => `POST /upload?token=${server.token}&name=x HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${lines.join("\r\n")}\r\n\r\n`;
checks.equal("chunked: length required", (await http(server, `/upload?token=${server.token}`, { method: "POST", headers: { "Transfer-Encoding": "chunked" }, body: "abc" }).catch((e) => ({ status: e.code }))).status, 411);
checks.check("no length", /^HTTP\/1\.\d 411/.test(await tcp(server, head([]), 500)));
checks.check("length 0", /^HTTP\/1\.\d 400/.test(await tcp(server, head(["Content-Length: 0"]), 500)));
checks.check("length is no number", /^HTTP\/1\.\d 400|^$/.test(await tcp(server, head(["Content-Length: ten"]), 500)));
checks.check("length is negative", /^HTTP\/1\.\d 400|^$/.test(await tcp(server, head(["Content-Length: -5"]), 500)));
for (const length of ["99999999999999999999999", "9223372036854775807", "4611686018427387904"])
  checks.check(`length ${length}`, !/^HTTP\/1\.\d 200/.test(await tcp(server, head([`Content-Length: ${length}`]) + "abc", 500)));
checks.equal("from another site", (await post("x", trace, { headers: { Origin: "http://evil.example" } }).catch(() => ({ status: 403 }))).status, 403);

for (const name of ["new\nline", "\0", "a\r\nHost: evil.example", "%", "%zz"]) {
  const { status } = await post(name, Buffer.alloc(10)).catch(() => ({ status: 400 }));
  checks.check(`a name with ${JSON.stringify(name)}`, status === 200 || (status >= 400 && status < 500), status);
}

// ---- broken off ---------------------------------------------------------------------------------

const before = (await socket.ask("traces")).ok.traces.length;
await tcp(server, head(["Content-Length: 1000000"]) + "go 1.26 trace\0\0\0" + "x".repeat(1000), 300);
checks.check("an upload that breaks off leaves nothing", await eventually(() => filesLeft().length === 0), filesLeft().join());
checks.equal("and is no trace", (await socket.ask("traces")).ok.traces.length, before);

const slow = Array.from({ length: 6 }, () => tcp(server, head(["Content-Length: 1000000"]) + "x", 700));
const answered = (await Promise.all(slow)).filter((text) => /^HTTP\/1\.\d 503/.test(text)).length;
checks.equal("four at a time", answered, 2);

// ---- large, and memory --------------------------------------------------------------------------

const memory = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))[1]);
const grownFrom = memory();
const chunk = Buffer.alloc(1 << 20, 1);
const large = await post("large", (ask) => {
  let left = 200;
  const more = () => {
    while (left > 0) {
      left--;
      if (!ask.write(chunk)) return ask.once("drain", more);
    }
    ask.end();
  };
  more();
}, { headers: { "Content-Length": 200 << 20 } });
checks.equal("200 MB are taken", large.status, 200);
checks.check("and not kept in memory", memory() - grownFrom < 20_000 || process.env.ASAN, `${memory() - grownFrom} kB more`);
checks.equal("the server is well", (await server.stop()).status, 0);

// ---- no room ------------------------------------------------------------------------------------

const small = await serve([], { env: { XDG_CACHE_HOME: join(scratch, "small-cache") }, limit: 1 << 20 });
const full = await http(small, `/upload?token=${small.token}&name=big`, { method: "POST", body: Buffer.alloc(8 << 20, 7) });
checks.equal("no room: status", full.status, 507);
checks.check("no room: a sentence", /^[A-Za-z].{10,}\n$/.test(full.body.toString()), full.body.toString());
checks.equal("no room: nothing left", readdirSync(join(scratch, "small-cache/parkview/uploads")).length, 0);
checks.equal("a small one still goes", (await http(small, `/upload?token=${small.token}&name=s`, { method: "POST", body: Buffer.alloc(1000) })).status, 200);
checks.equal("the server is well", (await small.stop()).status, 0);
checks.end();
