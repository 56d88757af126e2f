// SPDX-License-Identifier: Apache-2.0
// Stacks, merged: which way led to what held.
import {flamegraph} from "d3-flame-graph";
import "d3-flame-graph/dist/d3-flamegraph.css";
import {select} from "d3-selection";
import {color} from "./elements.js";
import {plural, seconds, shown} from "./text.js";

const ROW = 20;
const whole = (node) => node.depth === 0;

// Names are shown as text: the library writes them by textContent, and escapes are put in here.
function tamed(node) {
  return {...node, name: shown(node.name), file: shown(node.file), children: node.children.map(tamed)};
}

const label = ({data}) =>
  data.name + (data.file ? "  " + data.file : "") + "  " + seconds(data.value / 1e6);

/** By whose code it is. */
export const byOrigin = ({origin}) => color(origin === "application" ? "flame-own" : "flame-library");

export class FlameGraph {
  #box = document.getElementById("flame");
  #note = document.getElementById("flame-read");
  #term = document.getElementById("flame-term");
  #chart = null;
  #tree = null; // as it was fetched
  #isZoomed = false;
  #fill;
  #describe;
  #empty;

  /** `fill` gives a node's colour, `describe` what is said when nothing is pointed at, `empty` what instead of a graph. */
  constructor({fill, describe, empty}) {
    this.#fill = fill;
    this.#describe = describe;
    this.#empty = empty;
    document.getElementById("flame-search").addEventListener("submit", (event) => event.preventDefault());
    document.getElementById("flame-reset").addEventListener("click", () => this.#reset());
    this.#term.addEventListener("input", () => this.#search());
    new ResizeObserver(() => this.#redraw()).observe(this.#box);
  }

  /** Weights are in microseconds; what somebody has zoomed into stays as it is. */
  show(tree) {
    if (this.#isZoomed || JSON.stringify(tree) === JSON.stringify(this.#tree)) return;
    this.#tree = tree;
    this.#draw();
  }

  /** What is shown next is shown whole. */
  unzoom() { this.#isZoomed = false; }

  /** The colours have changed. */
  repaint() { this.#draw(); }

  #draw() {
    this.#chart = null;
    if (!this.#tree || this.#tree.value === 0) {
      this.#box.replaceChildren(this.#empty);
      this.#note.textContent = "";
      return;
    }
    this.#box.replaceChildren();
    this.#chart = flamegraph().width(this.#box.clientWidth).cellHeight(ROW).minFrameSize(1).sort(true)
      .transitionDuration(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200)
      .setLabelHandler(label).setColorMapper(({data, highlight}) => highlight ? color("flame-found") : this.#fill(data)).setDetailsHandler((text) => this.#say(text))
      .onClick((node) => { this.#isZoomed = !whole(node); })
      .setSearchMatch((node, term) => this.#matches(node, term))
      .setSearchHandler((found, part, total) =>
        this.#say(plural(found.length, "frame") + ", " + seconds(part / 1e6) + " of " + seconds(total / 1e6)));
    select(this.#box).datum(tamed(this.#tree)).call(this.#chart);
    this.#say(null);
    if (this.#term.value) this.#search();
  }

  #redraw() {
    if (!this.#chart || this.#isZoomed) return;
    const svg = this.#box.querySelector("svg");
    if (svg && Math.abs(svg.clientWidth - this.#box.clientWidth) > 1) this.#draw();
  }

  #say(text) { this.#note.textContent = text ?? this.#describe(); }

  #matches({data}, term) {
    const wanted = term.toLowerCase();
    return data.name.toLowerCase().includes(wanted) || data.file.toLowerCase().includes(wanted);
  }

  #search() {
    if (!this.#chart) return;
    if (this.#term.value) {
      this.#chart.search(this.#term.value);
    } else {
      this.#chart.clear();
      this.#say(null);
    }
  }

  #reset() {
    this.#term.value = "";
    this.#isZoomed = false;
    this.#chart?.clear();
    this.#chart?.resetZoom();
    this.#say(null);
  }
}
