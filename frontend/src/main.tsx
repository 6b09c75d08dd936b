// main.tsx - puts the page together: socket, model, stage, address.

import { render } from "preact";
import { App } from "./model/app";
import { formatLink, parseLink } from "./model/link";
import { Socket } from "./net/socket";
import { Page } from "./view/page";
import { makeProbe } from "./view/probe";
import { Stage } from "./view/stage";
import { setTheme, systemTheme } from "./view/theme";

const link = parseLink(location.hash);
setTheme(link.theme ?? systemTheme());

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const app = new App(new Socket(`${scheme}//${location.host}/ws${location.search}`), location.search);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const motion = () => (app.view.moveMs = still.matches ? 0 : 160);
motion();
still.addEventListener("change", motion);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.theme ?? setTheme(systemTheme()));

const stage = new Stage(app);
window.parkview = makeProbe(stage);

const ADDRESS_MS = 200;
let writing: ReturnType<typeof setTimeout> | undefined;
function writeAddress(): void {
  clearTimeout(writing);
  writing = setTimeout(() => {
    if (app.screen !== "trace" && app.screen !== "start") return;
    const hash = formatLink(app.toLink());
    const now = location.hash.replace(/^#/, "");
    if (hash !== now) history.replaceState(null, "", `${location.pathname}${location.search}${hash ? `#${hash}` : ""}`);
    document.title = app.entry && app.screen === "trace" ? `${app.entry.name} · Parkview` : "Parkview";
  }, ADDRESS_MS);
}
for (const o of [app, app.view, app.lanes, app.selection]) o.subscribe(writeAddress);
addEventListener("hashchange", () => location.reload());

render(<Page app={app} stage={stage} />, document.getElementById("page")!);
app.begin(link);
