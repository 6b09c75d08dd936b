// tests/golden/ring.test.mjs - tracer/FORMAT.md is right: a second decoder, written from that page alone,
// finds in the golden batch what the page's example says, and in a fresh recording of the same program too.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Checks, build, root } from "../lib/project.mjs";

const checks = new Checks();
const folder = process.env.TMPDIR ?? "/tmp";
const page = readFileSync(join(root, "tracer/FORMAT.md"), "utf8");
const golden = readFileSync(join(root, "tests/golden/ring-batch.bin"));

const events = new Map();
for (const [, code, , name, args] of readFileSync(join(root, "tracer/events.def"), "utf8").matchAll(/^X\((\d+), (\w+), "(\w+)", "(\w*)"/gm))
  events.set(Number(code), { name, args });

/** The events of a batch: {bytes, name, ticks, args: ["g 1", …]}. */
function decode(batch) {
  const used = batch.readUInt32LE(24);
  const out = [];
  let at = 64;
  let object = 0n;
  const number = () => {
    let v = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = batch[at++];
      v |= BigInt(byte & 127) << shift;
      if (byte < 128) return v;
    }
  };
  while (at < used) {
    const from = at;
    const code = batch[at++];
    const { name, args } = events.get(code & 127);
    const ticks = number();
    const list = [...args].map((letter) => {
      let v = number();
      if (letter === "o") v = object += v & 1n ? -(v >> 1n) - 1n : v >> 1n;
      if (letter === "t") at += Number(v);
      return `${letter} ${v}`;
    });
    if (code & 128) list.push(`k ${number()}`);
    out.push({ bytes: batch.subarray(from, at).toString("hex").replace(/..(?=.)/g, "$& "), name, ticks: String(ticks), args: list.join(", ") });
  }
  checks.equal("the events fill the batch", at, used);
  return out;
}

const hex = [...page.matchAll(/^ {4}[0-9a-f]0 {2}((?:[0-9a-f]{2} ?)+)$/gm)].map((m) => m[1]).join(" ").replace(/\s+/g, " ").trim();
checks.equal("the page shows the golden bytes", hex, golden.toString("hex").replace(/..(?=.)/g, "$& "));
const table = [...page.matchAll(/^\| `([0-9a-f ]+)` \| (\w+) \| (\d+) \| ?(.*?) ?\|$/gm)].map(([, bytes, name, ticks, args]) => ({ bytes, name, ticks, args }));
checks.equal("the page explains them", JSON.stringify(table), JSON.stringify(decode(golden)));

const header = readFileSync(join(root, "tracer/parkview.h"), "utf8");
const example = (/^ \*     #include[^]*?^ \*     }$/m.exec(header)?.[0] ?? "").replace(/^ \*(     )?/gm, "");
writeFileSync(join(folder, "golden.c"), example.replace("<parkview.h>", '"tracer/parkview.h"'));
const run = (command, args) => spawnSync(command, args, { cwd: folder, encoding: "utf8" });
const compiled = run("gcc", [`-I${root}`, "golden.c", join(build, "libparkview.a"), "-pthread", "-o", "golden"]);
checks.check("the header's program compiles", compiled.status === 0, compiled.stderr);
run(join(folder, "golden"), []);
const ring = readFileSync(join(folder, "app.ring"));
checks.equal("its ring has the magic", ring.subarray(0, 16).toString("latin1"), "parkview ring\n\0\0");
const at = Number(ring.readBigUInt64LE(56));
const untimed = (list) => JSON.stringify(list.map(({ name, args }) => [name, args]));
checks.equal("it records the same events", untimed(decode(ring.subarray(at, at + 65536))), untimed(decode(golden)));
checks.check("the number stands at both ends", ring.readBigUInt64LE(at) === ring.readBigUInt64LE(at + 65528));
checks.end();
