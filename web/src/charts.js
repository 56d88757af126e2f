// SPDX-License-Identifier: Apache-2.0
// The last hour: what the time went on, stacked, and how long the turns were.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import {CAUSES} from "./causes.js";
import {color, el, tint} from "./elements.js";
import {clock, percent, seconds} from "./text.js";

const HEIGHT = 190;
const STALL_SECONDS = 0.1;

const axis = (more) => ({
  stroke: color("muted"),
  grid: {stroke: color("line"), width: 1},
  ticks: {stroke: color("line"), width: 1},
  font: "11px system-ui, sans-serif",
  ...more,
});

const timeAxis = () => axis({
  space: 60,
  values: (u, splits) => splits.map((unix) => clock(unix).slice(0, 5)),
  incrs: [60, 120, 300, 600, 900, 1800],
});

// At least ten minutes, so that the first steps do not fill the whole width.
function timeRange(steps, stepSeconds) {
  const end = steps.length > 0 ? steps.at(-1).end / 1000 : Date.now() / 1000;
  const begin = steps.length > 0 ? steps[0].end / 1000 - stepSeconds : end;
  return [Math.min(begin, end - 600), end];
}

/** The outline of steps that may have gaps between them: points {at, step}, null where no loop lived. */
function outline(steps, stepSeconds) {
  const points = [];
  let last = null;
  for (const step of steps) {
    const [begin, end] = [step.end / 1000 - stepSeconds, step.end / 1000];
    if (last === null || begin > last + stepSeconds / 2) {
      if (last !== null) points.push({at: last + 0.001, step: null}, {at: begin - 0.001, step: null});
      points.push({at: begin, step});
    }
    points.push({at: end, step});
    last = end;
  }
  return points;
}

/** One plot in one box: made anew when what it draws or its colours have changed. */
class Chart {
  constructor(id, description) {
    this.box = document.getElementById(id);
    this.note = document.getElementById(id + "-read");
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", description);
    this.key = null;
    new ResizeObserver(() => this.plot?.setSize({width: this.box.clientWidth, height: HEIGHT}))
      .observe(this.box);
  }

  draw(key, data, options) {
    if (this.key === key && this.plot) {
      this.plot.setData(data);
      return;
    }
    this.plot?.destroy();
    this.key = key;
    this.plot = new uPlot({
      width: this.box.clientWidth,
      height: HEIGHT,
      legend: {show: false},
      cursor: {y: false, points: {show: false}, drag: {x: false, y: false}},
      ...options(),
    }, data, this.box);
  }

  /** Made anew at the next drawing. */
  forget() { this.key = null; }
}

/** The causes of `steps`, those that took most first. */
function rankedCauses(steps) {
  const total = {};
  for (const step of steps) {
    for (const [cause, value] of Object.entries(step.causes)) total[cause] = (total[cause] ?? 0) + value;
  }
  return Object.keys(total).sort((a, b) => total[b] - total[a]);
}

export class CausesChart extends Chart {
  #points = [];
  #causes = [];
  #range = [0, 1];

  constructor() { super("causes", "Busy share of the loops by cause over the last hour"); }

  show(steps, stepSeconds, acceptsCause) {
    this.#points = outline(steps, stepSeconds);
    this.#range = timeRange(steps, stepSeconds);
    this.#causes = rankedCauses(steps).filter(acceptsCause);
    // Each series is drawn down to the axis, the highest first: what remains visible is a stack.
    const shares = this.#causes.map(() => []);
    for (const {step} of this.#points) {
      let below = 0;
      this.#causes.forEach((cause, i) => {
        below += step && step.life > 0 ? (step.causes[cause] ?? 0) / step.life : 0;
        shares[i].push(below);
      });
    }
    this.draw(this.#causes.join(), [this.#points.map(({at}) => at), ...shares.reverse()],
      () => this.#options());
    this.#read(this.#points.length - 1);
  }

  #options() {
    return {
      scales: {
        x: {range: () => this.#range},
        y: {range: (u, min, max) => [0, Math.min(1, Math.max(0.01, max * 1.1))]},
      },
      axes: [timeAxis(), axis({size: 52, values: (u, values) => values.map(percent)})],
      series: [{}, ...[...this.#causes].reverse().map((cause) => ({
        fill: color(Object.hasOwn(CAUSES, cause) ? cause : "other"), width: 0, points: {show: false},
      }))],
      hooks: {setCursor: [(u) => this.#read(u.cursor.idx ?? this.#points.length - 1)]},
    };
  }

  #read(index) {
    const {at, step} = this.#points[index] ?? {};
    if (!step) {
      this.note.textContent = at ? clock(at) + ": no loop" : "Every ten seconds one step; the first is not over yet.";
      return;
    }
    const parts = this.#causes.filter((cause) => step.causes[cause] > 0).map((cause) =>
      el("span", "cause " + tint(cause), cause + " " + percent(step.causes[cause] / step.life)));
    this.note.replaceChildren(el("span", "muted", clock(step.end / 1000)),
      ...(parts.length > 0 ? parts : [el("span", "", "idle")]));
  }
}

export class TurnsChart extends Chart {
  #steps = [];
  #bounds = [];
  #stepSeconds = 10;
  #range = [0, 1];

  constructor() { super("turns", "Number of turns by their length over the last hour"); }

  show(steps, bounds, stepSeconds) {
    this.#steps = steps;
    this.#bounds = bounds;
    this.#stepSeconds = stepSeconds;
    this.#range = timeRange(steps, stepSeconds);
    this.draw("turns", [steps.map((step) => step.end / 1000), steps.map(() => null)], () => this.#options());
    this.#read(steps.length - 1);
  }

  #options() {
    const rows = this.#bounds.length + 1;
    const labelled = this.#bounds.map((bound, i) => i + 1).filter((i) => i % 2 === 1);
    return {
      scales: {x: {range: () => this.#range}, y: {range: () => [0, rows]}},
      axes: [timeAxis(), axis({
        size: 58,
        splits: () => labelled,
        values: (u, splits) => splits.map((i) => seconds(this.#bounds[i - 1])),
      })],
      series: [{}, {paths: () => null, points: {show: false}}],
      hooks: {
        draw: [(u) => this.#paint(u)],
        setCursor: [(u) => this.#read(u.cursor.idx ?? this.#steps.length - 1)],
      },
    };
  }

  #paint(u) {
    const most = Math.max(1, ...this.#steps.flatMap((step) => step.turns));
    const [short, long] = [color("cpu"), color("alarm")];
    u.ctx.save();
    for (const step of this.#steps) {
      const right = u.valToPos(step.end / 1000, "x", true);
      const left = u.valToPos(step.end / 1000 - this.#stepSeconds, "x", true);
      step.turns.forEach((count, row) => {
        if (count === 0) return;
        const top = u.valToPos(row + 1, "y", true);
        const bottom = u.valToPos(row, "y", true);
        u.ctx.fillStyle = this.#isStall(row) ? long : short;
        u.ctx.globalAlpha = 0.25 + 0.75 * Math.log1p(count) / Math.log1p(most);
        u.ctx.fillRect(left, top + 1, Math.max(2, right - left), bottom - top - 1);
      });
    }
    u.ctx.restore();
  }

  #isStall(row) { return row > 0 && this.#bounds[row - 1] >= STALL_SECONDS; }

  #read(index) {
    const step = this.#steps[index];
    const count = step?.turns.reduce((sum, turns) => sum + turns, 0) ?? 0;
    if (!step || count === 0) {
      this.note.textContent = step ? clock(step.end / 1000) + ": no turn" : "";
      return;
    }
    const longest = step.turns.findLastIndex((turns) => turns > 0);
    const bound = longest < this.#bounds.length ? "up to " + seconds(this.#bounds[longest])
      : "over " + seconds(this.#bounds.at(-1));
    this.note.textContent = clock(step.end / 1000) + ": " + count.toLocaleString("en") +
      " turns, the longest " + bound;
  }
}

/** A small line of values from 0 to 100, for a table. */
export function sparkline(values) {
  if (values.length < 2) return null;
  const [width, height] = [64, 16];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "sparkline");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "busy over " + (values.length - 1) + " minutes, now " + values.at(-1) + " %");
  line.setAttribute("points", values.map((value, i) =>
    (i * width / (values.length - 1)).toFixed(1) + "," + (height - 1 - value / 100 * (height - 2)).toFixed(1))
    .join(" "));
  svg.append(line);
  return svg;
}
