// view/chart.ts - an answer as a chart: lines over a number, or bars over names.  Loaded when the first chart is wanted.

import uPlot from "uplot";
import { digits3, moment, short, visible } from "../lib/format";
import { isTime, type Shape } from "../model/asked";
import type { QueryResult } from "../net/protocol";

const TOKENS = ["net", "running", "runnable", "sync", "chan", "sleep", "gc", "syscall"];
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const isNs = (column: string): boolean => /_ns$/.test(column);
const asText = (column: string) => (v: number | null) => (v === null ? "" : isTime(column) ? moment(v) : isNs(column) ? short(v) : digits3(v));

const LEGEND_PX = 32;
const MIN_PX = 80;

export class Chart {
  private plot: uPlot;
  private watch: ResizeObserver;

  constructor(host: HTMLElement, r: QueryResult, shape: Shape, onPick: (row: number) => void) {
    const numbers = (i: number) => r.rows.map((row) => (typeof row[i] === "number" ? (row[i] as number) : null));
    const bars = shape.kind === "bars";
    const x = bars ? r.rows.map((_, i) => i) : (numbers(shape.x) as number[]);
    const labels = bars ? r.rows.map((row) => visible(String(row[shape.label] ?? "none")).replace(/^.*\//, "")) : [];
    const xName = visible(r.columns[bars ? shape.label : shape.x] ?? "");
    const [text, grid] = [colour("text-2"), colour("line")];
    const font = `11px ${colour("font")}`;
    const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const first = r.columns[shape.y[0]!] ?? "";
    const options: uPlot.Options = {
      ...sizeIn(host),
      cursor: { y: false, drag: { x: !bars, y: false } },
      legend: { live: true },
      scales: { x: { time: false, ...(bars ? { range: [-0.6, x.length - 0.4] as uPlot.Range.MinMax } : {}) }, y: { range: (_u, min, max) => [Math.min(0, min), max > 0 ? max * 1.06 : 1] } },
      axes: [
        bars
          ? { ...axis, grid: { show: false }, splits: () => x, values: (u) => fitted(u, labels), rotate: 0, size: 28 }
          : { ...axis, values: (_u, splits) => onAxis(xName, splits), space: 80 },
        { ...axis, size: 72, values: (_u, splits) => onAxis(first, splits), space: 24 },
      ],
      series: [
        { label: xName, value: (_u, v) => (v === null ? "" : bars ? (labels[v] ?? "") : asText(xName)(v)) },
        ...shape.y.map((i, k): uPlot.Series => {
          const c = colour(`${TOKENS[k % TOKENS.length]}-s`);
          const name = r.columns[i] ?? "";
          const common = { label: visible(name), stroke: c, value: (_u: uPlot, v: number | null) => asText(name)(v) };
          return bars
            ? { ...common, fill: c, width: 0, points: { show: false }, paths: uPlot.paths.bars!({ size: [0.8 / shape.y.length, 60], align: shape.y.length === 1 ? 0 : k === 0 ? -1 : 1 }) }
            : { ...common, width: 1.5, points: { show: r.rows.length < 80, size: 5 } };
        }),
      ],
    };
    this.plot = new uPlot(options, [x, ...shape.y.map(numbers)] as uPlot.AlignedData, host);
    this.plot.over.addEventListener("click", () => {
      const i = this.plot.cursor.idx;
      if (typeof i === "number" && this.plot.select.width < 2) onPick(i);
    });
    this.watch = new ResizeObserver(() => this.plot.setSize(sizeIn(host)));
    this.watch.observe(host);
  }

  destroy(): void {
    this.watch.disconnect();
    this.plot.destroy();
  }
}

/** The room of the plot itself: its legend stands below it. */
const sizeIn = (host: HTMLElement) => ({ width: host.clientWidth, height: Math.max(MIN_PX, host.clientHeight - LEGEND_PX) });

/** All of an axis with as many decimals as its step needs. */
function onAxis(column: string, splits: number[]): string[] {
  if (isTime(column) || isNs(column)) return splits.map(asText(column));
  const step = splits.length > 1 ? Math.abs(splits[1]! - splits[0]!) : 1;
  const decimals = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)));
  return splits.map((v) => v.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
}

/** Names under bars, cut to the room that a bar has; none where that is too little. */
function fitted(u: uPlot, labels: string[]): string[] {
  const room = Math.floor(u.bbox.width / devicePixelRatio / Math.max(1, labels.length) / 6.2);
  return labels.map((l) => (room < 4 ? "" : l.length <= room ? l : `${l.slice(0, room - 1)}…`));
}
