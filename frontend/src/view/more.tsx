// view/more.tsx - long tables show their first rows; thousands of them would make every change slow.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { int } from "../lib/format";

const FIRST = 150;
const STEP = 500;

/** The rows to show, and the line below them that shows more. */
export function useFirst<T>(rows: T[]): [T[], () => ComponentChildren] {
  const [n, setN] = useState(FIRST);
  const More = () =>
    rows.length <= n ? null : (
      <p class="rest">
        <button class="a" onClick={() => setN(n + STEP)}>
          Show more
        </button>{" "}
        <span class="mut">
          {int(n)} of {int(rows.length)} rows
        </span>
      </p>
    );
  return [rows.slice(0, n), More];
}
