// view/help.tsx - keys and gestures, over everything; the keys are those of the commands.

import { useLayoutEffect, useRef } from "preact/hooks";
import { COMMANDS, type Command, type Ui } from "./commands";
import { Icon } from "./icons";

const GROUPS: Command["group"][] = ["Move", "Slices", "Lanes", "Tables", "Search", "Page"];
const GESTURES: [string, string][] = [
  ["wheel", "scroll the lanes"],
  ["Ctrl wheel", "zoom at the pointer"],
  ["Shift wheel", "pan"],
  ["drag", "choose an area: the tables are about it"],
  ["Shift drag", "pan; also the middle button"],
  ["Ctrl drag", "zoom to a range; also a drag on the ruler"],
  ["click", "a slice, a name, a GC phase, a row of a table"],
  ["double click", "zoom to a slice"],
  ["touch", "one finger pans; two zoom and pan; press long and draw an area"],
];

export function Help({ ui, close }: { ui: Ui; close: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => box.current?.showModal(), []);
  return (
    <dialog class="help" ref={box} aria-label="Keys" onClose={close} onClick={(e) => e.target === box.current && close()}>
      <div class="inner">
        <h2>
          Keys and gestures
          <span class="grow" />
          <button
            class="btn"
            onClick={() => {
              close();
              ui.set("tour", true);
            }}
          >
            Take the tour
          </button>
          <button class="ib" aria-label="Close" title="Close (Esc)" onClick={close}>
            <Icon name="close" />
          </button>
        </h2>
        <div class="cols">
          {GROUPS.map((group) => (
            <Keys title={group} rows={COMMANDS.filter((c) => c.group === group && c.keys).map((c): [string, string] => [c.keys!, c.name])} />
          ))}
          <Keys title="Pointer" rows={GESTURES} />
        </div>
      </div>
    </dialog>
  );
}

function Keys({ title, rows }: { title: string; rows: [string, string][] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {rows.map(([k, text]) => (
          <div>
            <dt>
              {k.split(/\s+/).map((one) => (
                <kbd>{one}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
