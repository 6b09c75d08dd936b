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
let places = 0;
let writing: ReturnType<typeof setTimeout> | undefined;
function writeAddress(): void {
  clearTimeout(writing);
  writing = setTimeout(() => {
    if (app.screen !== "trace" && app.screen !== "start") return;
    const hash = formatLink(app.toLink());
    const now = location.hash.replace(/^#/, "");
    const address = `${location.pathname}${location.search}${hash ? `#${hash}` : ""}`;
    // A place to come back to is one for the browser's Back, too; everything else amends where we are.
    if (hash !== now && app.view.places !== places) history.pushState(null, "", address);
    else if (hash !== now) history.replaceState(null, "", address);
    places = app.view.places;
    document.title = app.entry && app.screen === "trace" ? `${app.entry.name} · Parkview` : "Parkview";
  }, ADDRESS_MS);
}
for (const o of [app, app.view, app.lanes, app.selection, app.marks, app.spans]) o.subscribe(writeAddress);
addEventListener("popstate", () => {
  clearTimeout(writing);
  app.travel(parseLink(location.hash));
});

render(<Page app={app} stage={stage} />, document.getElementById("page")!);
app.begin(link);
