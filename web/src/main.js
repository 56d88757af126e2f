// SPDX-License-Identifier: Apache-2.0
// Shows what the admin listener's API says, and asks again.
import {renderAgent} from "./agent.js";
import {CausesChart, TurnsChart} from "./charts.js";
import {renderCulprits} from "./culprits.js";
import {replace} from "./elements.js";
import {accepts, acceptsCause, offerServices, query, startFilter} from "./filter.js";
import {byOrigin, FlameGraph} from "./flame.js";
import {alarm, heldLoops} from "./held_now.js";
import {Hour} from "./hour.js";
import {renderLoops} from "./loops.js";
import {serviceSection} from "./services.js";
import {renderStalls} from "./stalls.js";
import {clock, plural} from "./text.js";
import "./page.css";

const REFRESH_MS = 2000;
const HISTORY_MS = 10000;
const STALLS_SHOWN = 20;

const hour = new Hour();
let flameStalls = 0; // that the flame graph shows
const charts = {
  causes: new CausesChart(),
  turns: new TurnsChart(),
  flame: new FlameGraph({
    fill: byOrigin,
    describe: () => "of the last " + plural(flameStalls, "stall"),
    empty: "No stall so far.",
  }),
};
let latest = null; // what was last fetched
let historyAsked = 0;
let isPaused = false;

function worst(service) {
  return service.loops.reduce((max, loop) => Math.max(max, loop.utilization), service.utilization);
}

function setStatus(kind, text) {
  const status = document.getElementById("status");
  status.className = "status " + kind;
  if (status.textContent !== text) status.textContent = text;
  document.body.classList.toggle("stale", kind === "lost");
}

function renderHistory() {
  const steps = hour.steps(accepts);
  charts.causes.show(steps, hour.stepSeconds, acceptsCause);
  charts.turns.show(steps, hour.bounds, hour.stepSeconds);
}

function render({data, stalls}) {
  offerServices(data.services);
  const services = data.services.filter((service) => accepts(service.labels))
    .sort((a, b) => worst(b) - worst(a));
  replace("now", ...heldLoops(services).slice(0, 5).map(alarm));
  renderCulprits(services);
  renderLoops(services, hour);
  replace("services", ...services.map(serviceSection));
  renderStalls(stalls.stalls, services);
  renderAgent(data.agent);
  const loops = services.reduce((sum, service) => sum + service.loops.length, 0);
  setStatus("live", "live · " + plural(loops, "loop"));
}

async function fetchJson(path) {
  const response = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(8000)});
  if (!response.ok) throw new Error(path + " answered " + response.status);
  return response.json();
}

async function refreshHistory() {
  if (Date.now() - historyAsked < HISTORY_MS) return;
  historyAsked = Date.now();
  const [past, flame] = await Promise.all(
    [fetchJson("/api/v1/history?since=" + hour.since), fetchJson("/api/v1/flame" + query())]);
  hour.add(past);
  renderHistory();
  flameStalls = flame.stalls;
  charts.flame.show(flame.tree);
}

async function refresh() {
  const asked = query();
  try {
    await refreshHistory();
    const [data, stalls] = await Promise.all(
      [fetchJson("/api/v1/loops"), fetchJson("/api/v1/stalls" + query({limit: STALLS_SHOWN}))]);
    if (isPaused || asked !== query()) return; // it was asked for something else meanwhile
    latest = {data, stalls};
    render(latest);
    document.body.dataset.rendered = "yes";
  } catch (error) {
    historyAsked = 0;
    setStatus("lost", "no answer from the agent; trying again");
    console.error(error);
  }
}

function filterChanged() {
  historyAsked = 0;
  if (latest) render(latest);
  renderHistory();
  if (!isPaused) refresh();
}

function togglePause() {
  isPaused = !isPaused;
  const button = document.getElementById("pause");
  button.setAttribute("aria-pressed", String(isPaused));
  button.textContent = isPaused ? "Go on" : "Pause";
  if (isPaused) setStatus("paused", "paused at " + clock(Date.now() / 1000));
  else refresh();
}

async function run() {
  if (!document.hidden && !isPaused) await refresh();
  setTimeout(run, REFRESH_MS);
}

startFilter(filterChanged);
document.getElementById("pause").addEventListener("click", togglePause);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !isPaused) refresh();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  charts.causes.forget();
  charts.turns.forget();
  renderHistory();
  charts.flame.repaint();
});
run();
