// tests/server/tiles.mjs - the binary tiles of server/PROTOCOL.md, read by the letter.

/** {id, records: [...], end}; throws where a record does not fit its message.  Solids are those that stand in full, then
 * the others; parts are runs, then the codes that are not 0, by their covers. */
export function readTiles(buffer) {
  const data = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length);
  const view = new DataView(data);
  const records = [];
  let at = 8;
  for (let i = 0; i < view.getUint32(4, true); i++) {
    const [L, S, R, W, C, flags, bytes] = [16, 20, 24, 28, 32, 36, 40].map((o) => view.getUint32(at + o, true));
    if (bytes % 8 || at + bytes > data.byteLength) throw new Error(`record ${i} at ${at}: ${bytes} bytes`);
    let cursor = at + 48;
    const take = (Type, n) => {
      const array = new Type(data, cursor, n);
      cursor += n * Type.BYTES_PER_ELEMENT;
      return Array.from(array);
    };
    const [level, shift] = [4, 6].map((o) => view.getUint16(at + o, true));
    const index = view.getFloat64(at + 8, true);
    const wide = flags & 4 ? 0 : S;
    const unit = 2 ** Math.max(0, level - 22);
    const [start, dur, who, longGroup] = [take(Float64Array, L), take(Float64Array, L), take(Float64Array, L), take(Uint32Array, L)];
    const [from, length, wideWho] = [take(Uint32Array, S), take(Uint32Array, S), take(Uint32Array, wide)];
    const [runCover, scale] = [take(Float32Array, R), take(Float32Array, W)];
    const [longTag, tag, group, narrowWho] = [take(Uint16Array, L), take(Uint16Array, S), take(Uint16Array, wide), take(Uint16Array, S - wide)];
    const [runTag, runBucket, runLength] = [take(Uint16Array, R), take(Uint16Array, R), take(Uint16Array, R)];
    const [rowTag, rowBucket, rowLength] = [take(Uint16Array, W), take(Uint16Array, W), take(Uint16Array, W)];
    const codes = take(Uint8Array, C);
    if (rowLength.reduce((a, n) => a + n, 0) !== C) throw new Error(`record ${i}: rows of other lengths than its ${C} codes`);
    const parts = runTag.map((t, k) => ({ bucket: runBucket[k], n: runLength[k], tag: t, cover: runCover[k] }));
    let code = 0;
    rowTag.forEach((t, k) => {
      for (let b = 0; b < rowLength[k]; b++, code++)
        if (codes[code]) parts.push({ bucket: rowBucket[k] + b, n: 1, tag: t, cover: scale[k] * (codes[code] / 255) ** 2 });
    });
    records.push({
      lane: view.getUint32(at, true),
      level,
      shift,
      index,
      flags,
      solidStart: [...start, ...from.map((f) => index * 1024 * 2 ** level + f * unit)],
      solidDur: [...dur, ...length.map((n) => n * unit)],
      solidWho: [...who, ...(wide ? wideWho : narrowWho).map((n) => n - 1)],
      solidGroup: [...longGroup, ...group],
      solidTag: [...longTag, ...tag],
      parts,
    });
    if (cursor > at + bytes || at + bytes - cursor >= 8) throw new Error(`record ${i}: ${bytes} bytes hold ${cursor - at}`);
    at += bytes;
  }
  return { id: view.getUint32(0, true), records, end: at };
}
