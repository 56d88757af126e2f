// SPDX-License-Identifier: Apache-2.0
// The agent itself: what it measures, costs and loses.
import {el, named, replace} from "./elements.js";
import {count} from "./text.js";

/* What it measures, and what it leaves out to stay within its bounds. */
const DETAIL = {
  full: "measures everything",
  fewer_stacks: "takes one stack of eight, to keep its budget",
  no_stacks: "takes no stacks and names no function, to keep its budget",
  turns: "measures the length of turns only, to keep its budget",
};

function boundsOf(agent) {
  const { used_cores: used, allowed_cores: allowed, detail } = agent.budget;
  const cost = (100 * used).toFixed(1) + " % of a core, of " + (100 * allowed).toFixed(1) + " % that it may use";
  const lines = [el("p", detail === "full" ? "" : "loss", named("", "It " + (DETAIL[detail] || detail) + "; it costs " + cost))];
  const series = agent.function_series;
  const folded = agent.series_folded ? "; " + agent.series_folded + " functions had no room and are counted in ~other" : "";
  lines.push(el("p", folded ? "loss" : "", named("", "functions use " + series.used + " of " + series.limit + " series" + folded)));
  return lines;
}

export function renderAgent(agent) {
  const losses = [
    ...agent.events_lost.map((loss) => [loss.reason, loss.count]),
    ...agent.stack_errors.map((error) => [error.runtime + " stack: " + error.reason, error.count]),
  ].filter(([, value]) => value > 0);
  const hooks = agent.hooks.map((hook) => hook.hook + " by " + hook.mode).join(", ");
  const lines = [el("p", "", named("", "loopstall " + (agent.version || "")),
    hooks ? named("", " · " + hooks) : null)];
  lines.push(...boundsOf(agent));
  for (const reason of agent.not_ready) lines.push(el("p", "loss", named("", "not ready: " + reason)));
  if (losses.length > 0) {
    lines.push(el("p", "", named("", "not measured: " +
      losses.map(([reason, value]) => reason + " " + count(value)).join(", "))));
  }
  replace("agent", ...lines);
}
