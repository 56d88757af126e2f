// SPDX-License-Identifier: Apache-2.0
// The last hour of each service, as the agent keeps it: fetched once whole, then what is new.
const KEPT_MS = 3600 * 1000;

const keyOf = (labels) => JSON.stringify(labels);

export class Hour {
  #services = new Map();
  #loops = new Map();
  since = 0;
  bounds = [];
  stepSeconds = 10;

  /** Takes an answer of /api/v1/history to `since`. */
  add(answer) {
    this.bounds = answer.turn_seconds_le;
    this.stepSeconds = answer.step_seconds;
    for (const {labels, end_unix_ms: ends, idle_seconds: idle, busy_seconds: busy, turns} of answer.services) {
      const steps = this.#services.get(keyOf(labels))?.steps ?? [];
      ends.forEach((end, i) => {
        const causes = {};
        for (const [cause, column] of Object.entries(busy)) if (column[i] > 0) causes[cause] = column[i];
        steps.push({end, idle: idle[i], causes, turns: turns[i]});
        this.since = Math.max(this.since, end);
      });
      this.#services.set(keyOf(labels), {labels, steps});
    }
    for (const service of this.#services.values()) {
      service.steps = service.steps.filter((step) => step.end > this.since - KEPT_MS);
    }
    this.#loops = new Map(answer.loops.map((loop) => [loop.pid + "/" + loop.tid, loop.percent]));
  }

  /** How busy a loop was in each minute, in hundredths. */
  loop(pid, tid) {
    return this.#loops.get(pid + "/" + tid) ?? [];
  }

  /** The steps of all services that `accepts` lets through, together, the oldest first. */
  steps(accepts) {
    const all = new Map();
    for (const {labels, steps} of this.#services.values()) {
      if (!accepts(labels)) continue;
      for (const step of steps) {
        const sum = all.get(step.end) ?? {end: step.end, life: 0, causes: {}, turns: step.turns.map(() => 0)};
        sum.life += step.idle;
        for (const [cause, seconds] of Object.entries(step.causes)) {
          sum.causes[cause] = (sum.causes[cause] ?? 0) + seconds;
          sum.life += seconds;
        }
        step.turns.forEach((count, i) => { sum.turns[i] += count; });
        all.set(step.end, sum);
      }
    }
    return [...all.values()].sort((a, b) => a.end - b.end);
  }
}
