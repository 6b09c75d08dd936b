// tests/fuzz/seeds.mjs TARGET FOLDER - the first inputs of a fuzz target, made from the corpus.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { corpus, root } from "../lib/project.mjs";

const MOST_BYTES = 65536;
const [target, folder] = process.argv.slice(2);

function unpack(path) {
  const bytes = readFileSync(path);
  if (path.endsWith(".zst")) return spawnSync("zstd", ["-dcq", path], { maxBuffer: 1 << 28 }).stdout;
  return bytes;
}

const zstd = (bytes) => spawnSync("zstd", ["-cq", "-1"], { input: bytes, maxBuffer: 1 << 28 }).stdout;

/** The wire version in a trace's header, 0 where there is none. */
function version(bytes) {
  const found = /^go 1\.(\d+) trace/.exec(bytes.subarray(0, 16).toString("latin1"));
  return found ? Number(found[1]) : 0;
}

/** Traces that are small enough to be changed byte by byte; of larger ones their beginning. */
function* traces(wanted) {
  for (const { path, name } of corpus()) {
    const bytes = unpack(path);
    if (wanted(version(bytes))) yield [name, bytes.subarray(0, MOST_BYTES)];
  }
}

/** A ring file as the parts that ring_fuzz.c puts together: each its length (2 bytes) and its bytes. */
function partsOfRing(ring) {
  const at = (offset) => Number(ring.readBigUInt64LE(offset));
  const part = (from, n, most) => {
    const bytes = ring.subarray(from, from + Math.min(n, most));
    const length = Buffer.alloc(2);
    length.writeUInt16LE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const parts = [part(0, 512, 512), part(at(48), ring.readUInt32LE(40) * 64, 1024)];
  for (let i = 0; i < 8; i++) {
    const batch = at(56) + i * 65536;
    parts.push(part(batch, ring.readUInt32LE(batch + 24), 2048));
  }
  parts.push(part(at(64), ring.readUInt32LE(44) * 128, 1024));
  for (let table = 72; table < 168; table += 32) parts.push(part(at(table), 8 * ring.readUInt32LE(table + 28), 512), part(at(table + 8), 1024, 1024));
  return Buffer.concat(parts);
}

const makers = {
  // Real recordings: of the build beside, short and long, whole and overwritten.
  *ring() {
    const program = join(root, "build/tests/ring_record");
    if (!existsSync(program)) throw new Error(`the seeds of ring are recorded by ${program}, which is not built`);
    const file = join(folder, "..", "seed.ring");
    for (const [name, ms, bytes] of [["short", 5, 1 << 20], ["marks", 5, 1 << 20], ["overwritten", 60, 1 << 19]]) {
      spawnSync(program, [file, String(ms), String(bytes), ...(name === "marks" ? ["marks"] : [])]);
      yield [name, partsOfRing(readFileSync(file))];
    }
    rmSync(file, { force: true });
  },
  go_v1: () => traces((v) => v >= 5 && v <= 21),
  go_v2: () => traces((v) => v >= 22),
  facts: () => traces((v) => v >= 11),
  *gzip() {
    for (const [name, bytes] of traces((v) => v > 0)) yield [name, gzipSync(bytes.subarray(0, 16384))];
  },
  *zstd() {
    for (const [name, bytes] of traces((v) => v > 0)) yield [name, zstd(bytes.subarray(0, 16384))];
  },
  *coltab() {
    for (const [name, bytes] of traces((v) => v > 0)) yield [name, bytes.subarray(0, 8192)];
  },
  *sql() {
    const tables = [...readFileSync(join(root, "storage/src/sqltables.def"), "utf8").matchAll(/^TABLE\(\w+, "(\w+)"/gm)];
    for (const [, table] of tables) yield [`all-of-${table}`, Buffer.from(`SELECT * FROM ${table} LIMIT 9`)];
    const guide = join(root, "storage/SQL.md");
    if (!existsSync(guide)) return;
    const blocks = [...readFileSync(guide, "utf8").matchAll(/```sql\n([\s\S]*?)```/g)].map((m) => m[1]);
    for (const [i, text] of blocks.entries()) yield [`guide-${i}`, Buffer.from(text)];
  },
  // Patches of 5 bytes (see store_fuzz.c): a few of them, spread over the store.
  *store() {
    for (let i = 0; i < 64; i++) {
      const bytes = Buffer.alloc(5 * (1 + (i % 4)));
      for (let k = 0; k < bytes.length; k++) bytes[k] = (i * 2654435761 + k * 40503) >>> 9;
      yield [`patches-${i}`, bytes];
    }
  },
};

if (!(target in makers)) throw new Error(`no seeds are known for ${target}; add them to tests/fuzz/seeds.mjs`);
mkdirSync(folder, { recursive: true });
if (readdirSync(folder).length === 0)
  for (const [name, bytes] of makers[target]()) writeFileSync(join(folder, name), bytes);
