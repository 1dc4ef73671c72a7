// The controls of the form. Each has: node, an element; get(), its value, undefined for none, or a thrown Wrong; set(v),
// which takes any JSON; target, what is focused; and group, when it is more than one element.

import { bytes, el, freshId } from "./dom.js";
import { Exact, parse, write } from "./json.js";
import { describe, kindOf, resolve } from "./schema.js";

/** A value that cannot be sent. */
export class Wrong extends Error {}

/** Makes the control of a resolved schema. label is what it is called, id what a label element points at. */
export function control(doc, schema, label, id = freshId("c")) {
  return makers[kindOf(schema)](doc, schema, label, id);
}

const makers = {
  text: textControl,
  secret: secretControl,
  number: numberControl,
  switch: switchControl,
  choice: choiceControl,
  file: fileControl,
  list: listControl,
  union: unionControl,
  json: jsonControl,
};

function textControl(_doc, schema, label, id) {
  const area = el("textarea", { id, rows: 1, class: "grow", spellcheck: false });
  const fit = () => {
    if (CSS.supports("field-sizing", "content")) return;
    area.rows = Math.min(14, area.value.split("\n").length + Math.floor(area.value.length / 70));
  };
  area.addEventListener("input", fit);
  const set = (v) => {
    area.value = v === undefined || v === null ? "" : typeof v === "string" ? v : write(v);
    fit();
  };
  if (!schema.nullable) return { node: area, target: area, get: () => area.value, set };
  // a text may be empty and still be one: none is said apart
  const none = el("input", { type: "checkbox", checked: true, "aria-label": `${label}: none` });
  const node = el("div", { class: "optional" }, area, el("label", { class: "none" }, none, "none"));
  const dim = () => area.classList.toggle("dim", none.checked);
  area.addEventListener("input", () => ((none.checked = false), dim()));
  none.addEventListener("change", dim);
  dim();
  return {
    node,
    target: area,
    get: () => (none.checked ? undefined : area.value),
    set: (v) => (set(v), (none.checked = v === undefined || v === null), dim()),
  };
}

function secretControl(_doc, _schema, label, id) {
  const input = el("input", { type: "password", id, autocomplete: "new-password", spellcheck: false });
  const show = el("button", { type: "button", class: "quiet", "aria-pressed": "false", "aria-label": `Show ${label}` }, "Show");
  show.addEventListener("click", () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    show.setAttribute("aria-pressed", String(hidden));
  });
  return {
    node: el("div", { class: "beside" }, input, show),
    target: input,
    get: () => input.value || undefined,
    set: (v) => (input.value = typeof v === "string" ? v : ""),
  };
}

function numberControl(_doc, schema, label, id) {
  const whole = schema.type === "integer";
  const { minimum: min, maximum: max } = schema;
  const box = el("input", { type: "number", id, step: whole ? "1" : "any", min, max, inputMode: whole ? "numeric" : "decimal" });
  const get = () => {
    const text = box.value.trim();
    if (box.validity.badInput) throw new Wrong("must be a number");
    if (text === "") return undefined;
    const n = Number(text);
    if (whole && !/^[+-]?\d+$/.test(text)) {
      if (Number.isSafeInteger(n)) return n;
      throw new Wrong("must be a whole number");
    }
    if (typeof min === "number" && n < min) throw new Wrong(`must be at least ${min}`);
    if (typeof max === "number" && n > max) throw new Wrong(`must be at most ${max}`);
    if (!whole || Number.isSafeInteger(n)) return n;
    return new Exact(BigInt(text).toString());
  };
  if (typeof min !== "number" || typeof max !== "number" || !(max > min) || max - min > 2 ** 31) {
    return { node: box, target: box, get, set: (v) => (box.value = v === undefined || v === null ? "" : String(v)) };
  }
  const step = whole ? 1 : 10 ** Math.floor(Math.log10((max - min) / 50));
  const slider = el("input", { type: "range", min, max, step, "aria-label": `${label}, slider` });
  const follow = () => (slider.value = box.value === "" ? String(schema.default ?? min) : box.value);
  slider.addEventListener("input", () => (box.value = slider.value));
  box.addEventListener("input", follow);
  return {
    node: el("div", { class: "slider" }, slider, box),
    target: box,
    get,
    set: (v) => ((box.value = v === undefined || v === null ? "" : String(v)), follow()),
  };
}

function switchControl(_doc, schema, _label, id) {
  if (schema.nullable) return select(id, [true, false], ["yes", "no"], true);
  const box = el("input", { type: "checkbox", id, class: "switch", role: "switch" });
  return { node: box, target: box, get: () => box.checked, set: (v) => (box.checked = v === true) };
}

function choiceControl(_doc, schema, _label, id) {
  const none = Boolean(schema.nullable) || schema.default === undefined;
  return select(id, schema.enum, schema.enum.map((v) => (typeof v === "string" && v !== "" ? v : write(v))), none);
}

/** A list to choose from. Values are kept beside the options: they may be anything. */
function select(id, values, names, none) {
  const options = names.map((name, i) => el("option", { value: String(i) }, name));
  if (none) options.unshift(el("option", { value: "" }, "none"));
  const node = el("select", { id }, options);
  return {
    node,
    target: node,
    get: () => (node.value === "" ? undefined : values[Number(node.value)]),
    set: (v) => {
      const i = values.findIndex((known) => write(known) === write(v ?? null));
      node.value = i >= 0 ? String(i) : none ? "" : "0";
    },
  };
}

function jsonControl(_doc, _schema, _label, id) {
  const area = el("textarea", { id, rows: 2, class: "grow code", spellcheck: false, placeholder: "JSON" });
  return {
    node: area,
    target: area,
    get: () => {
      if (area.value.trim() === "") return undefined;
      try {
        return parse(area.value);
      } catch (e) {
        throw new Wrong(`is not JSON: ${e.message}`);
      }
    },
    set: (v) => (area.value = v === undefined ? "" : write(v, "  ")),
  };
}

const isWeb = (text) => /^https?:\/\//i.test(text);

/** The types of file that a schema asks for, as a file input takes them. */
function accept(schema) {
  const wanted = schema["x-cog-accept"];
  return Array.isArray(wanted) ? wanted.join(",") : typeof wanted === "string" ? wanted : "";
}

/** Takes dropped files; text dropped on it, a link, is given to url. */
function dropZone(node, take, url) {
  const over = (on) => node.classList.toggle("over", on);
  node.addEventListener("dragover", (e) => (e.preventDefault(), over(true)));
  node.addEventListener("dragleave", () => over(false));
  node.addEventListener("drop", (e) => {
    e.preventDefault();
    over(false);
    if (e.dataTransfer.files.length > 0) take([...e.dataTransfer.files]);
    else if (isWeb(e.dataTransfer.getData("text/uri-list"))) url(e.dataTransfer.getData("text/uri-list"));
  });
}

function fileControl(_doc, schema, label, id) {
  let chosen; // a File or a data: URL
  const picker = el("input", { type: "file", id, class: "offscreen", accept: accept(schema), "aria-label": `${label}: choose a file` });
  const url = el("input", { type: "url", placeholder: "or a URL", "aria-label": `${label}: URL`, spellcheck: false });
  const shown = el("div", { class: "chosen", hidden: true });
  const pick = el("div", { class: "pick" }, el("label", { class: "button", for: id }, "Choose or drop a file"), url);
  const node = el("div", { class: "drop" }, picker, pick, shown);
  const say = () => node.dispatchEvent(new Event("input", { bubbles: true }));
  const choose = (value) => {
    chosen = value;
    url.value = "";
    pick.hidden = chosen !== undefined;
    shown.hidden = chosen === undefined;
    shown.replaceChildren();
    if (chosen === undefined) return;
    const remove = el("button", { type: "button", class: "quiet", "aria-label": `${label}: remove the file` }, "Remove");
    remove.addEventListener("click", () => (choose(undefined), say(), picker.focus()));
    shown.append(thumbnail(chosen), el("span", { class: "filename" }, nameOf(chosen)), remove);
  };
  picker.addEventListener("change", () => {
    if (picker.files.length > 0) choose(picker.files[0]);
    picker.value = "";
    say();
  });
  const link = (text) => (choose(undefined), (url.value = text), say());
  dropZone(node, (files) => (choose(files[0]), say()), link);
  return {
    node,
    target: picker,
    group: true,
    get: () => chosen ?? (url.value.trim() || undefined),
    set: (v) => {
      if (v instanceof File || (typeof v === "string" && v.startsWith("data:"))) choose(v);
      // a file that came with an earlier request is gone with it
      else (choose(undefined), (url.value = typeof v === "string" && !v.startsWith("coglet-upload:") ? v : ""));
    },
  };
}

const pictures = /^(image\/(png|jpeg|gif|webp|avif|bmp))\b/;

function thumbnail(value) {
  const isFile = value instanceof File;
  if (!pictures.test(isFile ? value.type : value.slice(5, 40))) return "";
  const source = isFile ? URL.createObjectURL(value) : value;
  const img = el("img", { class: "thumb", alt: "", src: source });
  if (isFile) img.addEventListener("load", () => URL.revokeObjectURL(source));
  return img;
}

function nameOf(value) {
  if (value instanceof File) return `${value.name} (${bytes(value.size)})`;
  return `${value.slice(5, value.search(/[;,]/))} (${bytes(Math.floor(value.length * 0.75))})`;
}

function listControl(doc, schema, label, _id) {
  const item = resolve(doc, schema.items);
  const rows = el("div", { class: "rows" });
  const add = el("button", { type: "button", class: "quiet add" }, "Add");
  const node = el("div", { class: "list" }, rows, add);
  let controls = [];
  const say = () => node.dispatchEvent(new Event("input", { bubbles: true }));
  const append = (value) => {
    const name = `${label} ${controls.length + 1}`;
    const c = control(doc, item, name);
    if (value !== undefined) c.set(value);
    c.target.setAttribute("aria-label", name);
    const remove = el("button", { type: "button", class: "quiet", "aria-label": `Remove ${name}` }, "×");
    const row = el("div", { class: "row" }, c.node, remove);
    remove.addEventListener("click", () => {
      controls = controls.filter((other) => other !== c);
      row.remove();
      add.focus();
      say();
    });
    controls.push(c);
    rows.append(row);
    return c;
  };
  add.addEventListener("click", () => (append(undefined).target.focus(), say()));
  if (kindOf(item) === "file") {
    // several at once
    dropZone(add, (files) => (files.forEach(append), say()), (link) => (append(link), say()));
    const picker = el("input", { type: "file", multiple: true, class: "offscreen", accept: accept(item), "aria-label": `${label}: add files`, id: freshId("f") });
    picker.addEventListener("change", () => {
      [...picker.files].forEach(append);
      picker.value = "";
      say();
    });
    node.append(picker, el("label", { class: "button", for: picker.id }, "Add files"));
    add.textContent = "Add a URL";
  }
  return {
    node,
    target: add,
    group: true,
    get: () => {
      const values = controls.map((c) => c.get()).filter((v) => v !== undefined);
      return values.length === 0 && schema.nullable ? undefined : values;
    },
    set: (v) => {
      controls = [];
      rows.replaceChildren();
      if (Array.isArray(v)) v.forEach(append);
    },
  };
}

function unionControl(doc, schema, label, _id) {
  const members = (schema.anyOf ?? schema.oneOf).map((m) => ({ ...resolve(doc, m), nullable: undefined }));
  const nullable = schema.nullable || (schema.anyOf ?? schema.oneOf).some((m) => m?.nullable || m?.type === "null");
  const controls = members.map((m) => control(doc, m, label));
  const kind = el("select", { "aria-label": `${label}: kind` }, members.map((m, i) => el("option", { value: String(i) }, describe(m))));
  if (nullable) kind.prepend(el("option", { value: "" }, "none"));
  const place = el("div", { class: "member" });
  const current = () => controls[kind.value === "" ? -1 : Number(kind.value)];
  const show = () => {
    place.replaceChildren();
    const c = current();
    if (c) {
      c.target.setAttribute("aria-label", label);
      place.append(c.node);
    }
  };
  kind.addEventListener("change", show);
  const choose = (v) => {
    if ((v === null || v === undefined) && nullable) return "";
    const i = members.findIndex((m) => fits(m, v));
    return String(Math.max(i, 0));
  };
  kind.value = choose(undefined);
  show();
  return {
    node: el("div", { class: "union" }, kind, place),
    target: kind,
    group: true,
    get: () => current()?.get(),
    set: (v) => {
      kind.value = choose(v);
      show();
      if (v !== undefined && v !== null) current()?.set(v);
    },
  };
}

/** Whether a value is of the kind that a member of a union takes. */
function fits(schema, value) {
  const number = typeof value === "number" || value instanceof Exact;
  switch (schema.type) {
    case "integer":
      return value instanceof Exact || Number.isInteger(value);
    case "number":
      return number;
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string";
    case "array":
      return Array.isArray(value);
    case "object":
      return value !== null && typeof value === "object" && !Array.isArray(value) && !number;
    default:
      return true;
  }
}
