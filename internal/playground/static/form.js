// The form of the model's inputs, and the same as JSON.

import { el, freshId } from "./dom.js";
import { control, Wrong } from "./fields.js";
import { parse, same, write } from "./json.js";
import { describe, inputs, kindOf } from "./schema.js";

/** One input with its label, its control and what is wrong with it. */
class Field {
  constructor(doc, input) {
    Object.assign(this, input);
    const id = freshId("in");
    this.control = control(doc, input.schema, input.title, id);
    this.reset();
    const about = freshId("about");
    this.message = el("p", { class: "wrong", id: freshId("wrong"), role: "alert", hidden: true });
    const label = this.control.group
      ? el("span", { class: "label", id: `${id}-label` }, input.title)
      : el("label", { class: "label", for: id }, input.title);
    this.node = el(
      "div",
      { class: `field kind-${kindOf(input.schema)}` },
      el("div", { class: "head" }, label, input.title.toLowerCase() !== input.name && el("code", {}, input.name), el("span", { class: "hint", id: about }, this.hint())),
      this.control.node,
      input.description && el("p", { class: "about", id: `${about}-text` }, input.description),
      this.message,
    );
    this.node.dataset.name = input.name;
    if (this.control.group) {
      this.control.node.setAttribute("role", "group");
      this.control.node.setAttribute("aria-labelledby", `${id}-label`);
    }
    const described = [about, input.description && `${about}-text`, this.message.id].filter(Boolean).join(" ");
    this.control.target.setAttribute("aria-describedby", described);
    if (input.required) this.control.target.setAttribute("aria-required", "true");
  }

  hint() {
    const s = this.schema;
    const said = [describe(s)];
    if (s.minimum !== undefined && s.maximum !== undefined) said.push(`${s.minimum} to ${s.maximum}`);
    else if (s.minimum !== undefined) said.push(`from ${s.minimum}`);
    else if (s.maximum !== undefined) said.push(`up to ${s.maximum}`);
    if (s.minLength !== undefined) said.push(`at least ${s.minLength} characters`);
    if (s.maxLength !== undefined) said.push(`at most ${s.maxLength} characters`);
    if (s.pattern !== undefined) said.push(`matches ${s.pattern}`);
    if (this.required) said.push("required");
    return said.join(", ");
  }

  reset() {
    this.control.set(this.schema.default);
  }

  /** What is sent; undefined for nothing. */
  value() {
    const s = this.schema;
    let v = this.control.get();
    if (v === "" && s.default === undefined && !s.nullable && kindOf(s) === "text") v = undefined;
    if (v === undefined) {
      if (this.required) throw new Wrong("is required");
      return s.nullable && s.default !== undefined && s.default !== null ? null : undefined;
    }
    return s.deprecated && same(v, s.default ?? null) ? undefined : v;
  }

  complain(text) {
    this.message.textContent = text;
    this.message.hidden = !text;
    this.node.classList.toggle("bad", Boolean(text));
    if (text) this.control.target.setAttribute("aria-invalid", "true");
    else this.control.target.removeAttribute("aria-invalid");
  }
}

export class Form {
  /** place is emptied; changed is called after each change of a value. */
  constructor(place, doc, changed) {
    const list = inputs(doc);
    this.fields = (list ?? []).map((input) => new Field(doc, input));
    this.raw = el("textarea", { class: "grow code raw", rows: 8, spellcheck: false, "aria-label": "Input as JSON", value: "{}" });
    this.rawMessage = el("p", { class: "wrong", role: "alert", hidden: true });
    this.rawPane = el("div", {}, this.raw, this.rawMessage);
    this.pane = el("div", { class: "fields" });
    const old = this.fields.filter((f) => f.schema.deprecated);
    this.pane.append(...this.fields.filter((f) => !f.schema.deprecated).map((f) => f.node));
    if (list && list.length === 0) this.pane.append(el("p", { class: "about" }, "This model takes no inputs."));
    if (old.length > 0) {
      this.old = el("details", { class: "deprecated" }, el("summary", {}, `Deprecated inputs (${old.length})`), old.map((f) => f.node));
      this.pane.append(this.old);
    }
    this.asJSON = list === null;
    place.replaceChildren(this.pane, this.rawPane);
    place.oninput = place.onchange = (event) => {
      this.fields.find((f) => f.node.contains(event.target))?.complain("");
      changed();
    };
    this.show();
  }

  show() {
    this.pane.hidden = this.asJSON;
    this.rawPane.hidden = !this.asJSON;
  }

  /** Changes between fields and JSON, taking the values along. False when the JSON is none. */
  turn(asJSON) {
    if (asJSON === this.asJSON) return true;
    if (asJSON) {
      this.raw.value = write(this.draft(), "  ");
    } else {
      const values = this.values();
      if (!values) return false;
      this.fill(values);
    }
    this.asJSON = asJSON;
    this.show();
    return true;
  }

  /** All values that can be read, without complaints. */
  draft() {
    if (this.asJSON) {
      try {
        return parse(this.raw.value);
      } catch {
        return {};
      }
    }
    const values = {};
    for (const f of this.fields) {
      try {
        const v = f.value();
        if (v !== undefined) put(values, f.name, v);
      } catch {
        // not yet
      }
    }
    return values;
  }

  /** The input to send, or null after it has said what is wrong. */
  values() {
    if (this.asJSON) return this.rawValues();
    const values = {};
    let first = null;
    for (const f of this.fields) {
      try {
        f.complain("");
        const v = f.value();
        if (v !== undefined) put(values, f.name, v);
      } catch (e) {
        if (!(e instanceof Wrong)) throw e;
        f.complain(`${f.title} ${e.message}.`);
        first ??= f;
      }
    }
    this.focus(first);
    return first ? null : values;
  }

  rawValues() {
    this.rawMessage.hidden = true;
    let text;
    try {
      const value = parse(this.raw.value);
      if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
      text = "The input must be a JSON object.";
    } catch (e) {
      text = `This is not JSON: ${e.message}`;
    }
    this.rawMessage.textContent = text;
    this.rawMessage.hidden = false;
    this.raw.focus();
    return null;
  }

  focus(field) {
    if (!field) return;
    if (this.old?.contains(field.node)) this.old.open = true;
    field.control.target.focus();
  }

  /** Shows what the server says is wrong: a list of {loc, msg}. Returns what belongs to no field. */
  complain(details) {
    const rest = [];
    let first = null;
    for (const d of details) {
      const [where, ...more] = String(d?.loc?.[2] ?? "").split("/");
      const field = this.asJSON ? undefined : this.fields.find((f) => f.name === where);
      if (!field) {
        rest.push(`${(d?.loc ?? []).join(".")}: ${d?.msg}`);
        continue;
      }
      field.complain(`${[field.title, ...more].join("/")}: ${d?.msg}`);
      first ??= field;
    }
    this.focus(first);
    return rest;
  }

  reset() {
    this.raw.value = "{}";
    for (const f of this.fields) {
      f.reset();
      f.complain("");
    }
  }

  /** Takes the input of another prediction. */
  fill(input) {
    const given = input && typeof input === "object" ? input : {};
    this.raw.value = write(given, "  ");
    for (const f of this.fields) {
      f.complain("");
      if (Object.hasOwn(given, f.name)) f.control.set(given[f.name]);
      else f.reset();
    }
    if (this.old) this.old.open = this.fields.some((f) => this.old.contains(f.node) && Object.hasOwn(given, f.name));
  }

  isSecret(name) {
    return this.fields.some((f) => f.name === name && (kindOf(f.schema) === "secret" || kindOf(f.schema.items ?? {}) === "secret"));
  }
}

/** Sets a property of any name, also __proto__. */
function put(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}
