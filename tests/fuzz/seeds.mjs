// tests/fuzz/seeds.mjs TARGET FOLDER - the first inputs of a fuzz target, made from the corpus.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
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

const makers = {
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
