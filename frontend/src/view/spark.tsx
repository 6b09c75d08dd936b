// view/spark.tsx - a distribution of durations, 48 powers of two, as bars; heights by square root so that one wait shows.

import { short } from "../lib/format";

const FIRST = 8; // 256 ns
const LAST = 33; // 8.6 s: what is beyond joins the outermost bar
export const SPARK_RANGE = `${short(2 ** FIRST)} to ${short(2 ** (LAST + 1))}`;

export function Spark({ hist, family, width, height, mark, axis }: { hist: number[]; family: string; width: number; height: number; mark?: number; axis?: boolean }) {
  const n = LAST - FIRST + 1;
  const bins = new Array<number>(n).fill(0);
  hist.forEach((v, b) => (bins[Math.min(n - 1, Math.max(0, b - FIRST))]! += v));
  const most = Math.max(1, ...bins);
  const w = 100 / n;
  const tall = (v: number) => (v === 0 ? 0 : Math.max(2, Math.sqrt(v / most) * (height - 7)));
  const at = mark === undefined ? -1 : Math.min(n - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, mark))) - FIRST));
  return (
    <>
      <svg class="spark" width={width || "100%"} height={height} aria-hidden="true">
        <rect x="0" y={height - 1} width="100%" height="1" fill="var(--line)" />
        {bins.map((v, i) => v > 0 && <rect x={`${i * w}%`} y={height - tall(v)} width={`${w * 0.82}%`} height={tall(v)} fill={`var(--${family}-s)`} />)}
        {at >= 0 && (
          <svg x={`${(at + 0.41) * w}%`} y={height - tall(bins[at]!) - 6} width="8" height="6" overflow="visible">
            <path d="M0 5 l-3.5 -5 h7 z" fill="var(--select)" />
          </svg>
        )}
      </svg>
      {axis && (
        <div class="ends">
          <span>{short(2 ** FIRST)}</span>
          <span>{short(2 ** (LAST + 1))}</span>
        </div>
      )}
    </>
  );
}
