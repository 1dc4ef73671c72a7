// The state of the server and of the model's setup, watched.

import { ask } from "./api.js";
import { announce, el, seconds } from "./dom.js";
import { TextPane } from "./textpane.js";

const soon = 400; // milliseconds, while something is about to change
const later = 10_000; // each look runs the model's own health check

const texts = {
  UNKNOWN: "Unknown",
  STARTING: "Starting",
  READY: "Ready",
  BUSY: "Busy",
  SETUP_FAILED: "Setup failed",
  DEFUNCT: "Given up",
  UNHEALTHY: "Unhealthy",
  OFFLINE: "Not reachable",
};

export class Health {
  /** changed is called with each new status. */
  constructor(badge, place, changed) {
    Object.assign(this, { badge, changed });
    this.status = null;
    this.logs = new TextPane({ label: "Setup logs", lines: 2000, characters: 400_000, terminal: true, name: "setup.txt" });
    this.message = el("p", { class: "failure", role: "alert", hidden: true });
    this.title = el("summary", {}, "Setup");
    this.box = el("details", { class: "setup" }, this.title, this.message, this.logs.node);
    this.place = place;
    place.replaceChildren(this.box);
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Looks now, and again when it is time. */
  async look() {
    clearTimeout(this.timer);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    let report;
    try {
      report = await ask("/health-check");
    } catch {
      report = { status: "OFFLINE" };
    }
    if (turn !== this.turn) return; // a later look is under way
    this.show(report);
    const pause = { STARTING: soon, READY: later, UNHEALTHY: later }[report.status] ?? 2000;
    if (!document.hidden) this.timer = setTimeout(() => this.look(), pause);
  }

  show({ status, setup, version, user_healthcheck_error: unhealthy }) {
    this.badge.textContent = texts[status] ?? status;
    this.badge.dataset.status = status;
    if (setup) {
      this.place.hidden = false;
      this.logs.set(setup.logs ?? "");
      const took = setup.completed_at ? (Date.parse(setup.completed_at) - Date.parse(setup.started_at)) / 1000 : null;
      this.title.textContent = took === null ? "Setup is running" : `Setup ${setup.status === "failed" ? "failed after" : "took"} ${seconds(took)}`;
    }
    const failed = status === "SETUP_FAILED" || status === "DEFUNCT";
    const text = unhealthy ?? (failed ? "The model cannot run. Its setup logs say why." : "");
    this.message.textContent = text;
    this.message.hidden = text === "";
    this.versions = version ?? this.versions;
    if (status === this.status) return;
    if (failed || status === "STARTING" || unhealthy) this.box.open = true;
    else if (this.status === "STARTING") this.box.open = false;
    this.status = status;
    announce(`Model: ${this.badge.textContent}`);
    this.changed(status);
  }
}
