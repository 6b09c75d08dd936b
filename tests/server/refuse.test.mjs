// tests/server/refuse.test.mjs - who may ask: token, Host and Origin on every path, and what every
// answer carries.
import { execFileSync } from "node:child_process";
import { Checks } from "../lib/project.mjs";
import { Socket, http, serve, tcp } from "./serve.mjs";

const checks = new Checks();
const server = await serve();
const { port, token } = server;
const right = `?token=${token}`;
const wrong = `?token=${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`;

checks.equal("one line on standard output", server.out, `http://127.0.0.1:${port}/?token=${token}\n`);

const paths = ["/", "/app.js", "/app.css", "/index.html", "/no-such-file", "/ws", "/upload", "/../etc/passwd", "/%2e%2e/etc/passwd"];
for (const path of paths) {
  for (const method of ["GET", "POST"]) {
    const ask = (query, headers = {}) => http(server, path + query, { method, headers });
    const label = `${method} ${path}`;
    checks.equal(`${label} without a token`, (await ask("")).status, 403);
    checks.equal(`${label} with a wrong token`, (await ask(wrong)).status, 403);
    checks.equal(`${label} with half a token`, (await ask(`?token=${token.slice(0, 16)}`)).status, 403);
    checks.equal(`${label} with a longer token`, (await ask(`${right}0`)).status, 403);
    checks.equal(`${label} with a wrong cookie`, (await ask("", { Cookie: `parkview_${port}=${"0".repeat(32)}` })).status, 403);
    checks.equal(`${label} with another port's cookie`, (await ask("", { Cookie: `parkview_${port + 1}=${token}` })).status, 403);
    checks.equal(`${label} for another Host`, (await ask(right, { Host: "evil.example" })).status, 403);
    checks.equal(`${label} for another port`, (await ask(right, { Host: `127.0.0.1:${port + 1}` })).status, 403);
    checks.equal(`${label} from another Origin`, (await ask(right, { Origin: "http://evil.example" })).status, 403);
    checks.equal(`${label} from Origin null`, (await ask(right, { Origin: "null" })).status, 403);
    checks.equal(`${label} from https of us`, (await ask(right, { Origin: `https://127.0.0.1:${port}` })).status, 403);
  }
}

for (const [label, options] of [
  ["no token", { path: "/ws" }],
  ["wrong token", { path: `/ws${wrong}` }],
  ["another Host", { headers: { Host: "evil.example" } }],
  ["another Origin", { headers: { Origin: "http://evil.example" } }],
  ["Origin null", { headers: { Origin: "null" } }],
])
  checks.equal(`websocket with ${label}`, (await Socket.open(server, options)).status, 403);
checks.equal("websocket elsewhere", (await Socket.open(server, { path: `/other${right}` })).status, 404);

for (const host of ["127.0.0.1", "localhost"]) {
  const headers = { Host: `${host}:${port}`, Origin: `http://${host}:${port}` };
  const page = await http(server, `/${right}`, { headers });
  checks.equal(`the page for ${host}`, page.status, 200);
  const cookie = String(page.headers["set-cookie"]);
  checks.equal("its cookie", cookie, `parkview_${port}=${token}; HttpOnly; SameSite=Strict; Path=/`);
  const file = await http(server, "/app.js", { headers: { ...headers, Cookie: `other=1; ${cookie.split(";")[0]}` } });
  checks.equal("a file by cookie", file.status, 200);
  checks.equal("the whole file", file.body.length, 600_000);
  const socket = await Socket.open(server, { path: "/ws", headers: { ...headers, Cookie: cookie.split(";")[0] } });
  checks.check("the websocket by cookie", socket instanceof Socket);
  if (socket instanceof Socket) await socket.close();
}

for (const [path, status] of [["/", 200], ["/app.css", 200], ["/no", 404], ["/..%2f..%2fetc%2fpasswd", 404], ["//etc/passwd", 404]]) {
  const { status: got, headers } = await http(server, path + right);
  checks.equal(`GET ${path}`, got, status);
  const csp = headers["content-security-policy"] ?? "";
  checks.check(`${path}: content security policy`, csp.startsWith("default-src 'none'") && !csp.includes("unsafe"), csp);
  checks.equal(`${path}: nosniff`, headers["x-content-type-options"], "nosniff");
  checks.equal(`${path}: no frames`, headers["x-frame-options"], "DENY");
  checks.equal(`${path}: no referrer`, headers["referrer-policy"], "no-referrer");
  checks.equal(`${path}: no store`, headers["cache-control"], "no-store");
  checks.equal(`${path}: own process`, headers["cross-origin-opener-policy"], "same-origin");
}

checks.equal("PUT is not known", (await http(server, `/${right}`, { method: "PUT", body: "x" }).catch(() => ({ status: 405 }))).status, 405);
checks.check("no Host at all", !/^HTTP\/1\.\d 200/.test(await tcp(server, `GET /${right} HTTP/1.0\r\n\r\n`)));
checks.check("two Hosts", !/^HTTP\/1\.\d 200/.test(await tcp(server, `GET /${right} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`)));
for (const garbage of ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", `GET /${"a".repeat(70_000)} HTTP/1.1\r\n\r\n`, "\x16\x03\x01\x02\x00\x01\x00", `GET /${right} HTTP/1.1\r\nHost: ${"x".repeat(20_000)}\r\n\r\n`])
  checks.check(`garbage of ${garbage.length} bytes`, !/^HTTP\/1\.\d 200/.test(await tcp(server, Buffer.from(garbage, "latin1"), 300)));
checks.equal("still there", (await http(server, `/${right}`)).status, 200);

const listening = execFileSync("sh", ["-c", "cat /proc/net/tcp /proc/net/tcp6"], { encoding: "utf8" })
  .split("\n")
  .map((line) => line.trim().split(/\s+/))
  .filter((f) => f[3] === "0A" && f[1].endsWith(`:${port.toString(16).toUpperCase().padStart(4, "0")}`))
  .map((f) => f[1].split(":")[0]);
checks.equal("it listens on 127.0.0.1 alone", listening.join(), "0100007F");

const second = await serve([], { args: ["--port", String(port)] }).catch((error) => error);
checks.equal("a port in use: exit status", second.status, 3);
checks.check("a port in use: a sentence", /^parkview: port \d+ of 127\.0\.0\.1 cannot be had: .+\n$/.test(second.server?.err), second.server?.err);

const end = await server.stop();
checks.equal("Ctrl-C: exit status", end.status, 0);
checks.end();
