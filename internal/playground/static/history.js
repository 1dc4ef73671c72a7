// The predictions that the server still holds.

import { ask, ended, Refused } from "./api.js";
import { bytes, el } from "./dom.js";
import { parse } from "./json.js";
import { timeOf, words } from "./run.js";
import { write } from "./json.js";

const maxBody = 8 << 20; // bytes that are fetched unasked
const maxRows = 100;

export class History {
  /** show is called with the id of a chosen prediction; isSecret says whether the input of a name may be shown. */
  constructor(place, show, isSecret) {
    Object.assign(this, { open: show, isSecret });
    this.known = new Map(); // id → {id, status, created_at, took, parts of the input}
    this.list = el("ul", { class: "past" });
    this.notice = el("p", { class: "about" });
    place.replaceChildren(this.notice, this.list);
    this.current = null;
  }

  /** Fetches the list; a very long one only when all is true. */
  async load(all = false) {
    try {
      const answer = await fetch("/predictions", { cache: "no-store" });
      const size = Number(answer.headers.get("Content-Length") ?? 0);
      if (!all && size > maxBody) {
        answer.body?.cancel();
        this.notice.replaceChildren(
          `The past predictions are ${bytes(size)}. `,
          el("button", { type: "button", class: "quiet", onclick: () => this.load(true) }, "Load them"),
        );
        return;
      }
      if (!answer.ok) throw new Refused(answer.status, `The server answered ${answer.status}.`);
      this.known.clear();
      for (const p of parse(await answer.text()).results.reverse()) this.keep(p);
      this.draw();
    } catch (e) {
      this.notice.textContent = `The past predictions cannot be listed: ${e.message}`;
    }
  }

  keep(p) {
    const parts = p.input ? partsOf(p.input) : this.known.get(p.id)?.parts ?? [];
    this.known.delete(p.id); // the newest is the last
    this.known.set(p.id, { id: p.id, status: p.status, created_at: p.created_at, took: ended(p) ? timeOf(p) : "", parts });
  }

  /** Takes what this page knows of a prediction. */
  update(p) {
    const row = this.known.get(p.id);
    if (row) Object.assign(row, { status: p.status, took: ended(p) ? timeOf(p) : "", created_at: p.created_at ?? row.created_at });
    else this.keep(p);
    this.draw();
  }

  mark(id) {
    this.current = id;
    this.draw();
  }

  draw() {
    const rows = [...this.known.values()].reverse();
    this.notice.textContent = rows.length === 0 ? "None yet." : rows.length > maxRows ? `The newest ${maxRows} of ${rows.length} are listed.` : "";
    this.notice.hidden = this.notice.textContent === "";
    this.list.replaceChildren(...rows.slice(0, maxRows).map((row) => this.row(row)));
  }

  row({ id, status, created_at, took, parts }) {
    const input = parts.map(([name, text]) => `${name}: ${this.isSecret(name) ? "••••" : text}`).join(", ");
    const when = created_at ? new Date(created_at).toLocaleTimeString() : "";
    const button = el(
      "button",
      { type: "button", class: "pastrow", onclick: () => this.open(id) },
      el("span", { class: "dot", "aria-hidden": "true" }),
      el("span", { class: "what" }, words[status] ?? status),
      el("span", { class: "input" }, input),
      el("span", { class: "when" }, [when, took].filter(Boolean).join(" · ")),
    );
    button.dataset.status = status;
    button.dataset.id = id;
    if (id === this.current) button.setAttribute("aria-current", "true");
    return el("li", {}, button);
  }
}

/** The beginning of an input: names and short texts. */
function partsOf(input) {
  const parts = [];
  let length = 0;
  for (const [k, v] of Object.entries(input)) {
    const text = (typeof v === "string" ? v : write(v)).slice(0, 60).replaceAll(/\s+/g, " ");
    parts.push([k, text]);
    length += text.length;
    if (length > 120) break;
  }
  return parts;
}
