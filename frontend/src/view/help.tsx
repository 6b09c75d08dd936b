// view/help.tsx - the keys, over everything.

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icons";

const KEYS: [string, [string, string][]][] = [
  [
    "Move",
    [
      ["W  S", "zoom in, out at the pointer"],
      ["A  D", "pan (also ← →)"],
      ["↑  ↓", "scroll the lanes"],
      ["0", "everything"],
      ["Ctrl Z", "back to the last window"],
      ["Shift Ctrl Z", "forward again"],
    ],
  ],
  [
    "Pointer",
    [
      ["wheel", "scroll the lanes"],
      ["Ctrl wheel", "zoom at the pointer"],
      ["Shift wheel", "pan"],
      ["drag", "pan"],
      ["Shift drag", "zoom to a range; also a drag on the ruler"],
    ],
  ],
  [
    "Slices",
    [
      ["click", "details of a slice; of a goroutine, on its name"],
      ["double click", "zoom to a slice"],
      ["f", "zoom to the selected slice"],
      [",  .", "previous, next slice of the goroutine"],
      ["[  ]", "earlier, later along the wake chain"],
      ["Esc", "drop the selection"],
    ],
  ],
  [
    "Page",
    [
      ["/", "search"],
      ["`", "SQL"],
      ["?", "this help"],
    ],
  ],
];

export function Help({ close }: { close: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  return (
    <dialog class="help" ref={box} aria-label="Keys" onClose={close} onClick={(e) => e.target === box.current && close()}>
      <div class="inner">
        <h2>
          Keys
          <button class="ib" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </h2>
        <div class="cols">
          {KEYS.map(([title, rows]) => (
            <section>
              <h3>{title}</h3>
              <dl>
                {rows.map(([k, text]) => (
                  <>
                    <dt>
                      {k.split(/\s+/).map((one) => (
                        <kbd>{one}</kbd>
                      ))}
                    </dt>
                    <dd>{text}</dd>
                  </>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </div>
    </dialog>
  );
}
