// main.tsx - puts the page together: socket, model, stage, address.

import { render } from "preact";
import { App } from "./model/app";
import { stepOf, toLink, travel } from "./model/address";
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
const MOVE_MS = 50; // three frames for the eye to follow, and room to be sharp within a tenth of a second
const still = matchMedia("(prefers-reduced-motion: reduce)");
const motion = () => (app.view.moveMs = still.matches ? 0 : MOVE_MS);
motion();
still.addEventListener("change", motion);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.theme ?? setTheme(systemTheme()));

const stage = new Stage(app);

const ADDRESS_MS = 100;
let places = 0;
let traveling = false; // back or forth: what is on its way there is no new step
let step = ""; // what is selected, filtered and asked, as it was written last
let writing: ReturnType<typeof setTimeout> | undefined;
function writeAddress(): void {
  clearTimeout(writing);
  writing = setTimeout(() => {
    writing = undefined;
    if (app.screen !== "trace" && app.screen !== "start") return;
    if (app.view.passing || (traveling && app.busy)) return writeAddress();
    const link = toLink(app);
    const hash = formatLink(link);
    const now = location.hash.replace(/^#/, "");
    const address = `${location.pathname}${location.search}${hash ? `#${hash}` : ""}`;
    // A place to come back to is one for the browser's Back, too; everything else amends where we are.
    const moved = !traveling && (app.view.places !== places || (step !== "" && stepOf(link) !== step));
    traveling = false;
    if (hash !== now && moved) history.pushState(null, "", address);
    else if (hash !== now) history.replaceState(null, "", address);
    places = app.view.places;
    step = stepOf(link);
    document.title = app.entry && app.screen === "trace" ? `${app.entry.name} · Parkview` : "Parkview";
  }, ADDRESS_MS);
}
for (const o of [app, app.view, app.lanes, app.selection, app.marks, app.spans, app.area, app.finder, app.asked]) o.subscribe(writeAddress);
addEventListener("popstate", () => {
  clearTimeout(writing);
  writing = undefined;
  const link = parseLink(location.hash);
  traveling = true;
  travel(app, link);
});

window.parkview = makeProbe(stage, () => writing === undefined && !app.view.passing);
render(<Page app={app} stage={stage} />, document.getElementById("page")!);
app.begin(link);
