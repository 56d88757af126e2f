// SPDX-License-Identifier: Apache-2.0
// The stacks of all stalls, merged: which way led to what held.
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

function fill({data, highlight}) {
  return color(highlight ? "flame-found" : data.origin === "application" ? "flame-own" : "flame-library");
}

export class FlameGraph {
  #box = document.getElementById("flame");
  #note = document.getElementById("flame-read");
  #term = document.getElementById("flame-term");
  #chart = null;
  #tree = null; // as it was fetched
  #isZoomed = false;
  #stalls = 0;

  constructor() {
    document.getElementById("flame-search").addEventListener("submit", (event) => event.preventDefault());
    document.getElementById("flame-reset").addEventListener("click", () => this.#reset());
    this.#term.addEventListener("input", () => this.#search());
    new ResizeObserver(() => this.#redraw()).observe(this.#box);
  }

  /** Takes an answer of /api/v1/flame; what somebody has zoomed into stays as it is. */
  show(answer) {
    if (this.#isZoomed || JSON.stringify(answer.tree) === JSON.stringify(this.#tree)) return;
    this.#tree = answer.tree;
    this.#stalls = answer.stalls;
    this.#draw();
  }

  /** The colours have changed. */
  repaint() { this.#draw(); }

  #draw() {
    this.#chart = null;
    if (!this.#tree || this.#tree.value === 0) {
      this.#box.replaceChildren("No stall so far.");
      this.#note.textContent = "";
      return;
    }
    this.#box.replaceChildren();
    this.#chart = flamegraph().width(this.#box.clientWidth).cellHeight(ROW).minFrameSize(1).sort(true)
      .transitionDuration(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200)
      .setLabelHandler(label).setColorMapper(fill).setDetailsHandler((text) => this.#say(text))
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

  #say(text) { this.#note.textContent = text ?? "of the last " + plural(this.#stalls, "stall"); }

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
