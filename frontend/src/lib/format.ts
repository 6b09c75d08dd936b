// lib/format.ts - numbers, durations and hostile text as a person reads them.
// Durations are nanoseconds.  `short` has three significant digits (tables), `exact` keeps what details need.

const UNITS: [number, string][] = [
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
];

function unitOf(ns: number): [number, string] {
  const a = Math.abs(ns);
  for (const u of UNITS) if (a >= u[0] * 0.9995) return u;
  return [1, "ns"];
}

/** Three significant digits without scientific notation. */
export function digits3(v: number): string {
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (a >= 999.5) return grouped(v, 0);
  if (a >= 99.95) return v.toFixed(0);
  if (a >= 9.995) return v.toFixed(1);
  return v.toFixed(2);
}

export function short(ns: number): string {
  const [k, u] = unitOf(ns);
  return k === 1 ? `${Math.round(ns)} ns` : `${digits3(ns / k)} ${u}`;
}

/** Value and unit with the digits a single slice deserves: 1.063 ms, 48.8 µs, 812 ns. */
export function exactParts(ns: number): [string, string] {
  const [k, u] = unitOf(ns);
  if (k === 1) return [String(Math.round(ns)), u];
  const v = ns / k;
  return [grouped(v, v >= 100 && v < 1000 ? 2 : 3), u];
}

export const exact = (ns: number): string => exactParts(ns).join(" ");

/** toFixed with thousands set apart; Number.toLocaleString is too slow for axes. */
function grouped(v: number, decimals: number): string {
  const s = v.toFixed(decimals);
  const dot = decimals > 0 ? s.length - decimals - 1 : s.length;
  return s.slice(0, dot).replace(/\B(?=(\d{3})+$)/g, ",") + s.slice(dot);
}

export const int = (n: number): string => grouped(n, 0);

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${digits3(n / 1024)} KB`;
  if (n < 1e9) return `${digits3(n / 1048576)} MB`;
  return `${digits3(n / 1073741824)} GB`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${int(n)} ${n === 1 ? one : many}`;
}

/** A moment of the trace, in one unit for the whole axis so that labels compare: `unit` of axisUnit(). */
export interface Axis {
  unit: "s" | "ms" | "µs" | "ns";
  per: number; // ns per unit
  decimals: number;
}

export function axisFor(stepNs: number, spanEndNs: number): Axis {
  const unit: Axis["unit"] = stepNs >= 1e8 ? "s" : spanEndNs >= 1e6 || stepNs >= 1e5 ? "ms" : spanEndNs >= 1e3 ? "µs" : "ns";
  const per = { s: 1e9, ms: 1e6, "µs": 1e3, ns: 1 }[unit];
  const decimals = Math.max(0, Math.min(9, Math.ceil(-Math.log10(stepNs / per) - 1e-9)));
  return { unit, per, decimals };
}

export function onAxis(t: number, a: Axis): string {
  return `${grouped(t / a.per, a.decimals)} ${a.unit}`;
}

/** A moment with nanoseconds kept where the trace is short enough to care: 1,452.317 ms. */
export function moment(t: number, decimals = 3): string {
  return `${grouped(t / 1e6, decimals)} ms`;
}

/** A 1-2-5 step so that labels stand at least `px` apart. */
export function niceStep(nsPerPx: number, px: number): number {
  const raw = Math.max(1, nsPerPx * px);
  const p = 10 ** Math.floor(Math.log10(raw));
  for (const m of [1, 2, 5, 10]) if (m * p >= raw) return m * p;
  return 10 * p;
}

/** Text of a trace made printable: control characters as their pictures, bidi overrides as their code. */
export function visible(s: string): string {
  return s.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => {
    const n = c.charCodeAt(0);
    if (n < 32) return String.fromCharCode(0x2400 + n);
    if (n === 127) return "\u2421";
    return `\u27e8${n.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  });
}

/** "net/http.(*conn).serve" -> ["net/http.", "(*conn).serve"] */
export function splitFunc(f: string): [string, string] {
  const slash = f.lastIndexOf("/");
  const dot = f.indexOf(".", slash + 1);
  return dot < 0 ? ["", f] : [f.slice(0, dot + 1), f.slice(dot + 1)];
}

/** Package's last element and the function: "http.(*conn).serve". */
export function tailFunc(f: string): [string, string] {
  const [p, n] = splitFunc(f);
  return [p.slice(p.lastIndexOf("/") + 1), n];
}

/** The function without its package. */
export const bareFunc = (f: string): string => splitFunc(f)[1] || f;

export function whenText(unix: number, now: number): string {
  const d = new Date(unix * 1000);
  const n = new Date(now);
  const hm = `${String(d.getHours()).padStart(2, "0")}:${String(d.getMinutes()).padStart(2, "0")}`;
  const day = (x: Date) => new Date(x.getFullYear(), x.getMonth(), x.getDate()).getTime();
  const ago = Math.round((day(n) - day(d)) / 86400000);
  if (ago === 0) return `today ${hm}`;
  if (ago === 1) return "yesterday";
  return d.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(ago > 300 ? { year: "numeric" } : {}) });
}
