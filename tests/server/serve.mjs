// tests/server/serve.mjs - a running `parkview open`, plain HTTP to it, and a websocket client of
// its own (one that can also misbehave).
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parkview } from "../lib/project.mjs";

export const scratch = mkdtempSync(join(tmpdir(), "parkview-server-"));

/** A folder that stands in for the page, so that these tests do not depend on it. */
export function fakePage() {
  const folder = mkdtempSync(join(scratch, "page-"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(folder, "app.js"), "0;".repeat(300_000));
  writeFileSync(join(folder, "app.css"), "body{}");
  return folder;
}

/** Starts the server; resolves when it has printed its line, rejects with {status, server}. */
export function serve(files = [], { args = [], env = {}, page = fakePage(), limit } = {}) {
  const command = [parkview, "open", "--no-browser", "--assets", page, ...args, ...files];
  // `limit`: no file may become larger than so many bytes, as if the disk were full.
  if (limit) command.unshift("prlimit", `--fsize=${limit}`);
  const child = spawn(command[0], command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { XDG_CACHE_HOME: join(scratch, "cache"), ...process.env, ...env },
  });
  const server = { child, out: "", err: "" };
  process.on("exit", () => child.kill("SIGKILL")); // also where a test ends before its time
  child.stderr.on("data", (data) => (server.err += data));
  server.exited = new Promise((done) => child.on("close", (status, signal) => done({ status, signal })));
  server.stop = async (signal = "SIGINT") => {
    child.kill(signal);
    const end = await server.exited;
    if (/Sanitizer|runtime error/.test(server.err)) throw new Error(server.err);
    return end;
  };
  return new Promise((resolve, reject) => {
    server.exited.then(({ status }) => reject(Object.assign(new Error(`ended: ${status} ${server.err}`), { status, server })));
    child.stdout.on("data", (data) => {
      server.out += data;
      const line = /^http:\/\/127\.0\.0\.1:(\d+)\/\?token=([0-9a-f]{32})\n/.exec(server.out);
      if (!line) return;
      server.port = Number(line[1]);
      server.token = line[2];
      resolve(server);
    });
  });
}

/** One HTTP exchange; nothing is added to what is asked but a Host. */
export function http(server, path, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const ask = request({ host: "127.0.0.1", port: server.port, path, method, headers, agent: false });
    ask.on("error", reject);
    ask.on("socket", (socket) => socket.on("error", reject)); // also once the answer is there
    ask.on("response", (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }),
      );
    });
    if (typeof body === "function") body(ask);
    else ask.end(body);
  });
}

function frame(opcode, payload, final = true) {
  const mask = randomBytes(4);
  const n = payload.length;
  const head = n < 126 ? Buffer.from([0, 128 | n]) : n < 65536 ? Buffer.alloc(4) : Buffer.alloc(10);
  if (n >= 126) head[1] = 128 | (n < 65536 ? 126 : 127);
  if (n >= 126 && n < 65536) head.writeUInt16BE(n, 2);
  if (n >= 65536) head.writeBigUInt64BE(BigInt(n), 2);
  head[0] = (final ? 128 : 0) | opcode;
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3])]);
}

/** A websocket.  `ask` resolves with the answer of a request: {ok}, {error} or {binary}. */
export class Socket {
  #id = 0;
  #waiting = new Map();
  #bytes = Buffer.alloc(0);
  #parts = [];
  #partial = 0;
  pushes = [];
  strays = []; // answers that no request of ours waits for
  closed = false;

  /** Resolves with a Socket, or with {status} where the server refuses. */
  static open(server, { path = `/ws?token=${server.token}`, headers = {} } = {}) {
    return new Promise((resolve, reject) => {
      const key = randomBytes(16).toString("base64");
      const ask = request({
        host: "127.0.0.1",
        port: server.port,
        path,
        agent: false,
        headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": key, ...headers },
      });
      ask.on("error", reject);
      ask.on("response", (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode });
      });
      ask.on("upgrade", (answer, socket, rest) => {
        const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
        if (answer.headers["sec-websocket-accept"] !== accept) return reject(new Error("wrong accept"));
        resolve(new Socket(socket, rest));
      });
      ask.end();
    });
  }

  constructor(socket, rest) {
    this.socket = socket;
    this.whenClosed = new Promise((done) =>
      socket.on("close", () => {
        this.closed = true;
        for (const { reject } of this.#waiting.values()) reject(new Error("socket closed"));
        done();
      }),
    );
    socket.on("error", () => {});
    socket.on("data", (data) => this.#take(data));
    if (rest.length) this.#take(rest);
  }

  raw(bytes) {
    this.socket.write(bytes);
  }
  frame(opcode, payload, final = true) {
    this.raw(frame(opcode, Buffer.from(payload), final));
  }
  send(value) {
    this.frame(1, typeof value === "string" ? value : JSON.stringify(value));
  }
  /** Sends a request; the promise has its id as `.id`. */
  ask(op, fields = {}) {
    const id = ++this.#id;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    answer.id = id;
    answer.catch(() => {});
    this.send({ id, op, ...fields });
    return answer;
  }
  /** Waits until some push fits. */
  async push(fits, ms = 20_000) {
    for (const end = Date.now() + ms; Date.now() < end; await new Promise((r) => setTimeout(r, 5))) {
      const found = this.pushes.find(fits);
      if (found) return found;
    }
    throw new Error(`no such push among ${this.pushes.length}`);
  }
  close() {
    this.socket.destroy();
    return this.whenClosed;
  }

  #take(data) {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    for (;;) {
      const b = this.#bytes;
      if (b.length < 2) return;
      let n = b[1] & 127;
      let at = 2;
      if (n === 126) [n, at] = b.length < 4 ? [Infinity, 4] : [b.readUInt16BE(2), 4];
      else if (n === 127) [n, at] = b.length < 10 ? [Infinity, 10] : [Number(b.readBigUInt64BE(2)), 10];
      if (b.length < at + n) return;
      this.#bytes = b.subarray(at + n);
      this.#got(b[0] & 15, Boolean(b[0] & 128), b.subarray(at, at + n));
    }
  }
  #got(opcode, final, payload) {
    if (opcode === 8) return void (this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
    if (opcode > 2) return;
    if (opcode) this.#partial = opcode;
    this.#parts.push(payload);
    if (!final) return;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    const binary = this.#partial === 2;
    const message = binary ? { id: whole.readUInt32LE(0), binary: whole } : JSON.parse(whole.toString("utf8"));
    if (message.push) return void this.pushes.push(message);
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (waiting) waiting.resolve(message);
    else this.strays.push(message);
  }
}

/** A bare TCP connection that sends bytes and resolves with all that comes back. */
export function tcp(server, bytes, ms = 2000) {
  return new Promise((resolve) => {
    const socket = connect(server.port, "127.0.0.1");
    let got = "";
    socket.on("data", (data) => (got += data.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve(got));
    socket.setTimeout(ms, () => socket.destroy());
    socket.write(bytes);
  });
}
