// One prediction: it is started, followed to its end, shown, and can be canceled.

import { ask, attach, ended, encode, newId, predictionPath, Refused, start } from "./api.js";
import { announce, el, perFrame, seconds } from "./dom.js";
import { jsonBlock, Output } from "./output.js";
import { TextPane } from "./textpane.js";
import { write } from "./json.js";

/** Where a prediction is shown. There is one; it shows one prediction at a time. */
export class Result {
  /** changed is called with the prediction when its status has changed; isSecret says which inputs are not shown. */
  constructor(place, { joined, changed, isSecret }) {
    Object.assign(this, { joined, changed, isSecret });
    this.badge = el("span", { class: "badge" });
    this.clock = el("span", { class: "clock" });
    this.id = el("code", { class: "id" });
    this.cancelButton = el("button", { type: "button", class: "cancel", hidden: true, onclick: () => this.cancel() }, "Cancel");
    this.error = el("pre", { class: "failure", role: "alert", hidden: true });
    this.note = el("p", { class: "notice", hidden: true });
    this.output = new Output();
    this.logs = new TextPane({ label: "Logs", lines: 2000, characters: 400_000, terminal: true, name: "logs.txt" });
    this.logsBox = el("details", { class: "logs", open: true, hidden: true }, el("summary", {}, "Logs"), this.logs.node);
    this.facts = el("dl", { class: "facts" });
    this.whole = el("details", { class: "whole", hidden: true }, el("summary", {}, "Answer as JSON"));
    this.whole.addEventListener("toggle", () => this.showWhole());
    this.empty = el("p", { class: "about nothing" }, "What the model gives back is shown here.");
    this.node = el(
      "div",
      { class: "result", hidden: true },
      el("div", { class: "state" }, this.badge, this.clock, this.cancelButton, this.id),
      this.error,
      this.note,
      this.output.node,
      this.logsBox,
      this.facts,
      this.whole,
    );
    place.replaceChildren(this.empty, this.node);
    this.drawMetrics = perFrame(() => this.showFacts());
    this.run = null;
  }

  /** Says whether the chunks of an output are one text, which is known once the model's document is there. */
  join(joined) {
    if (joined === this.joined) return;
    this.joined = joined;
    if (!this.run) return;
    const { chunks } = this.output;
    this.output.reset(joined);
    if (ended(this.run.prediction)) this.showOutput(this.run.prediction, false);
    else chunks.forEach((c) => this.output.chunk(c));
  }

  /** Runs a prediction. Throws Refused when it did not start. */
  async begin(how, input) {
    const run = this.open({ id: newId(), status: "starting" });
    try {
      const encoded = await encode(run.prediction.id, input);
      run.prediction.input = encoded.input;
      const started = await start(how, encoded, run.stop.signal);
      this.changed(run.prediction);
      await this.follow(run, started);
    } catch (e) {
      if (run.over || e.name === "AbortError") return;
      if (e instanceof Refused && e.status >= 400 && !run.started) {
        this.close(run);
        this.forget();
        throw e;
      }
      await this.lost(run, e);
    }
  }

  /** Shows a prediction of the past, or one that still runs. */
  async show(id) {
    const prediction = await ask(predictionPath(id));
    const run = this.open(prediction);
    if (ended(prediction)) {
      this.end(run, prediction);
      return prediction;
    }
    this.rejoin(run).catch((e) => this.lost(run, e));
    return prediction;
  }

  async rejoin(run) {
    if (run.over) return;
    const events = await attach(run.prediction.id, run.stop.signal);
    await this.follow(run, events ? { events } : { prediction: run.prediction });
  }

  open(prediction) {
    if (this.run) this.close(this.run);
    const run = { prediction: { metrics: {}, ...prediction }, over: false, stop: new AbortController(), since: performance.now(), streamed: false };
    if (prediction.created_at && !ended(prediction)) run.since -= Math.max(0, Date.now() - Date.parse(prediction.created_at));
    this.run = run;
    this.empty.hidden = true;
    this.node.hidden = false;
    this.error.hidden = this.note.hidden = this.logsBox.hidden = this.whole.hidden = true;
    this.whole.open = false;
    this.id.textContent = prediction.id;
    this.output.reset(this.joined);
    this.logs.clear();
    this.showFacts();
    this.status(run, prediction.status);
    run.timer = setInterval(() => this.tick(run), 100);
    this.tick(run);
    return run;
  }

  /** Ends the following of a run, not the run. */
  close(run) {
    run.over = true;
    clearInterval(run.timer);
    run.stop.abort();
  }

  forget() {
    this.run = null;
    this.node.hidden = true;
    this.empty.hidden = false;
  }

  async follow(run, { events, prediction }) {
    if (events) {
      for await (const { name, data } of events) {
        if (run.over) return;
        this.event(run, name, data);
        if (run.over) return;
      }
      throw new Error("the stream broke off");
    }
    while (!run.over) {
      this.snapshot(run, prediction);
      if (ended(prediction)) return;
      prediction = await ask(`${predictionPath(run.prediction.id)}?wait=1`, { signal: run.stop.signal });
    }
  }

  event(run, name, data) {
    const p = run.prediction;
    run.started = true;
    switch (name) {
      case "start":
        p.id = data.id;
        this.status(run, data.status);
        this.changed(p);
        return;
      case "output":
        run.streamed = true;
        this.output.chunk(data.chunk);
        return;
      case "log":
        this.log(data.data);
        return;
      case "metric":
        record(p.metrics, data);
        this.drawMetrics();
        return;
      case "error":
        this.say(`${data.skipped} events came too fast for this page and are missing until the end.`);
        run.missed = true; // the whole is drawn anew at the end
        return;
      case "completed":
        this.end(run, data);
    }
  }

  log(text) {
    this.logsBox.hidden = false;
    this.logs.append(text);
  }

  /** Takes the state of a prediction that is asked for again and again. */
  snapshot(run, p) {
    run.started = true;
    if (ended(p)) {
      this.end(run, p);
      return;
    }
    const before = run.prediction.status;
    Object.assign(run.prediction, p);
    this.status(run, p.status);
    if (p.status !== before) this.changed(run.prediction);
    if (p.logs) {
      this.logsBox.hidden = false;
      this.logs.set(p.logs);
    }
    if (Array.isArray(p.output)) {
      run.streamed = true;
      p.output.slice(this.output.chunks.length).forEach((c) => this.output.chunk(c));
    }
    this.showFacts();
  }

  end(run, p) {
    this.close(run);
    run.prediction = { ...run.prediction, ...p };
    if (run.missed) this.note.hidden = true; // nothing is missing any more
    this.status(run, p.status);
    if (p.logs) this.log("");
    this.logsBox.hidden = !p.logs;
    this.logs.set(p.logs ?? "");
    this.logs.flush();
    this.showOutput(p, run.streamed && !run.missed);
    this.fail(p.status === "failed" ? (p.error ?? "It failed.") : "");
    this.whole.hidden = false;
    this.showFacts();
    this.clock.textContent = timeOf(p) ?? seconds((performance.now() - run.since) / 1000);
    announce(`${words[p.status] ?? p.status}${p.status === "failed" ? `: ${p.error}` : ""}`);
    this.changed(run.prediction);
  }

  showOutput(p, streamed) {
    if (p.status === "succeeded" || p.output !== undefined) this.output.whole(p.output, streamed);
    else this.output.reset(this.joined);
  }

  /** The connection broke: what has become of the prediction is asked once more, then said. */
  async lost(run, reason) {
    if (run.over) return;
    try {
      const p = await ask(predictionPath(run.prediction.id));
      if (run.over) return;
      if (ended(p)) this.end(run, p);
      else await this.rejoin(run);
    } catch (e) {
      if (run.over) return;
      this.close(run);
      this.status(run, "lost");
      if (run.started) this.changed(run.prediction);
      this.fail(`The connection to the prediction is lost: ${reason.message}${e.message === reason.message ? "" : ` (${e.message})`}`);
    }
  }

  async cancel() {
    const run = this.run;
    if (!run || run.over) return;
    this.cancelButton.disabled = true;
    try {
      await ask(`${predictionPath(run.prediction.id)}/cancel`, { method: "POST" });
      announce("Cancel was asked for.");
    } catch (e) {
      this.say(e.status === 404 ? "The server does not know this prediction yet: try again." : `It could not be canceled: ${e.message}`);
      this.cancelButton.disabled = false;
    }
  }

  status(run, status) {
    run.prediction.status = status;
    this.badge.textContent = words[status] ?? status;
    this.badge.dataset.status = status;
    this.node.setAttribute("aria-busy", String(!run.over));
    this.cancelButton.hidden = run.over;
    this.cancelButton.disabled = false;
    if (!run.over) announce(words[status] ?? status);
  }

  tick(run) {
    this.clock.textContent = seconds((performance.now() - run.since) / 1000);
  }

  fail(text) {
    this.error.textContent = text;
    this.error.hidden = text === "";
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = false;
  }

  showFacts() {
    const p = this.run?.prediction ?? {};
    const facts = Object.entries(flat(p.metrics ?? {})).slice(0, 100);
    for (const [name, key] of [["created", "created_at"], ["started", "started_at"], ["completed", "completed_at"]]) {
      const at = new Date(p[key] ?? NaN);
      if (!Number.isNaN(at.valueOf())) facts.push([name, name === "created" ? at.toLocaleString() : at.toLocaleTimeString()]);
    }
    this.facts.replaceChildren(...facts.map(([k, v]) => el("div", {}, el("dt", {}, k), el("dd", {}, v))));
    this.facts.hidden = facts.length === 0;
  }

  showWhole() {
    for (const old of [...this.whole.children].slice(1)) old.remove();
    if (!this.whole.open || !this.run) return;
    const { input, ...rest } = this.run.prediction;
    if (input) rest.input = Object.fromEntries(Object.entries(input).map(([k, v]) => [k, this.isSecret(k) && v !== null ? "••••" : v]));
    this.whole.append(jsonBlock(rest));
  }
}

export const words = {
  starting: "Starting",
  processing: "Running",
  succeeded: "Succeeded",
  failed: "Failed",
  canceled: "Canceled",
  lost: "Lost",
};

/** How long a prediction took, as text. */
export function timeOf(p) {
  const s = p.metrics?.predict_time;
  return typeof s === "number" ? seconds(s) : undefined;
}

/** Keeps a metric as the server does. */
function record(metrics, { name, value, mode }) {
  const parts = String(name).split(".");
  const last = parts.pop();
  let at = metrics;
  for (const part of parts) {
    if (!Object.hasOwn(at, part) || at[part] === null || typeof at[part] !== "object") set(at, part, {});
    at = at[part];
  }
  const old = Object.hasOwn(at, last) ? at[last] : undefined;
  if (mode === "append") set(at, last, Array.isArray(old) ? [...old, value] : old === undefined ? [value] : [old, value]);
  else if (mode.startsWith("incr")) set(at, last, (typeof old === "number" ? old : 0) + Number(value));
  else if (value === null) delete at[last];
  else set(at, last, value);
}

function set(object, key, value) {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Metrics with the names of nested ones joined by dots; values as text. */
function flat(metrics, prefix = "", found = {}) {
  for (const [k, v] of Object.entries(metrics)) {
    if (v !== null && typeof v === "object" && !Array.isArray(v) && Object.getPrototypeOf(v) === Object.prototype) flat(v, `${prefix}${k}.`, found);
    else if (k === "predict_time" && prefix === "" && typeof v === "number") set(found, k, seconds(v));
    else set(found, prefix + k, (typeof v === "string" ? v : write(v)).slice(0, 1000));
  }
  return found;
}
