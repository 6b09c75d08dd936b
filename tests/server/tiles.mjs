// tests/server/tiles.mjs - the binary tiles of server/PROTOCOL.md, read by the letter.

/** {id, records: [...], end}; throws where a record does not fit its message. */
export function readTiles(buffer) {
  const data = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length);
  const view = new DataView(data);
  const records = [];
  let at = 8;
  for (let i = 0; i < view.getUint32(4, true); i++) {
    const [S, N, flags, bytes] = [16, 20, 24, 28].map((o) => view.getUint32(at + o, true));
    if (bytes % 8 || at + bytes > data.byteLength) throw new Error(`record ${i} at ${at}: ${bytes} bytes`);
    let cursor = at + 32;
    const take = (Type, n) => {
      const array = new Type(data, cursor, n);
      cursor += n * Type.BYTES_PER_ELEMENT;
      return Array.from(array);
    };
    records.push({
      lane: view.getUint32(at, true),
      level: view.getUint32(at + 4, true),
      index: view.getFloat64(at + 8, true),
      flags,
      solidStart: take(Float64Array, S),
      solidDur: take(Float64Array, S),
      solidWho: take(Float64Array, S),
      solidGroup: take(Uint32Array, S),
      partCover: take(Float32Array, N),
      solidTag: take(Uint16Array, S),
      partBucket: take(Uint16Array, N),
      partTag: take(Uint16Array, N),
    });
    if (cursor > at + bytes || at + bytes - cursor >= 8) throw new Error(`record ${i}: ${bytes} bytes hold ${cursor - at}`);
    at += bytes;
  }
  return { id: view.getUint32(0, true), records, end: at };
}
