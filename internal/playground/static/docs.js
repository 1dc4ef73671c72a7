// The reference of the API, from the model's OpenAPI document.

import { ask } from "./api.js";
import { el } from "./dom.js";
import { jsonBlock } from "./output.js";
import { write } from "./json.js";

const place = document.getElementById("reference");
const prefix = "#/components/schemas/";
const methods = ["get", "put", "post", "patch", "delete", "head", "options"];
const retry = 1000; // milliseconds, while the model loads

async function load() {
  let doc;
  try {
    doc = await ask("/openapi.json");
  } catch (e) {
    place.replaceChildren(el("p", { class: "about", role: "status" }, e.status === 503 ? "The document is there once the model is loaded." : e.message));
    setTimeout(load, retry);
    return;
  }
  show(doc);
}

function show(doc) {
  const info = doc.info ?? {};
  const head = el("section", { class: "card" }, el("h2", {}, [info.title, info.version].filter(Boolean).join(" ")), about(info.description));
  const paths = Object.entries(doc.paths ?? {}).flatMap(([path, item]) =>
    methods.filter((m) => item?.[m]).map((m) => operation(doc, path, m, item)),
  );
  const schemas = Object.entries(doc.components?.schemas ?? {}).map(([name, schema]) => component(doc, name, schema));
  place.replaceChildren(head, ...paths, ...(schemas.length > 0 ? [el("h2", {}, "Schemas")] : []), ...schemas);
  place.removeAttribute("aria-busy");
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

const about = (text) => (typeof text === "string" && text !== "" ? el("p", { class: "about" }, text) : null);
const anchor = (name) => `schema-${name}`;
const part = (title) => el("h4", { class: "part" }, title);

function operation(doc, path, method, item) {
  const op = item[method];
  const parameters = [...(item.parameters ?? []), ...(op.parameters ?? [])];
  const section = el(
    "section",
    { class: "card" },
    el("h3", { class: "operation" }, el("span", { class: "method" }, method.toUpperCase()), el("code", {}, path), op.summary ?? ""),
    about(op.description),
  );
  if (parameters.length > 0) {
    section.append(part("Parameters"), table(["Name", "In", "Type", "Description"], parameters.map((p) => [p.name, p.in, typeOf(p.schema ?? {}), p.description ?? ""])));
  }
  const body = Object.entries(op.requestBody?.content ?? {});
  if (body.length > 0) section.append(part("Request"), table(["Content-Type", "Body"], body.map(([kind, b]) => [kind, typeOf(b?.schema ?? {})])));
  const answers = Object.entries(op.responses ?? {});
  if (answers.length > 0) {
    const rows = answers.map(([code, r]) => {
      const schema = Object.values(r?.content ?? {})[0]?.schema;
      return [code, schema ? typeOf(schema) : "", r?.description ?? ""];
    });
    section.append(part("Answers"), table(["Status", "Body", "Description"], rows));
  }
  return section;
}

function component(doc, name, schema) {
  const section = el("section", { class: "card", id: anchor(name) }, el("h3", {}, name), about(schema.description));
  const fields = Object.entries(schema.properties ?? {}).sort(([, a], [, b]) => (a?.["x-order"] ?? 0) - (b?.["x-order"] ?? 0));
  if (fields.length > 0) {
    const required = new Set(schema.required ?? []);
    section.append(table(["Name", "Type", "Default", "Description"], fields.map(([k, s]) => [k, typeOf(s), standard(s), notes(s, required.has(k))])));
  } else if (schema.enum) {
    section.append(el("p", {}, schema.enum.map((v) => write(v)).join(", ")));
  } else {
    section.append(el("p", {}, typeOf(schema)));
  }
  section.append(el("details", {}, el("summary", {}, "As JSON"), jsonBlock(schema)));
  return section;
}

const standard = (s) => (s?.default === undefined ? "" : write(s.default));

function notes(s, required) {
  const said = [];
  if (s.description) said.push(s.description);
  if (required) said.push("Required.");
  if (s.deprecated) said.push("Deprecated.");
  if (s.nullable) said.push("May be null.");
  if (s.minimum !== undefined) said.push(`At least ${s.minimum}.`);
  if (s.maximum !== undefined) said.push(`At most ${s.maximum}.`);
  if (s.minLength !== undefined) said.push(`At least ${s.minLength} characters.`);
  if (s.maxLength !== undefined) said.push(`At most ${s.maxLength} characters.`);
  if (s.pattern !== undefined) said.push(`Matches ${s.pattern}.`);
  return said.map((text) => (/[.!?:]\s*$/.test(text) ? text : `${text}.`)).join(" ");
}

/** A type as text, with a link where it is a component. */
function typeOf(s) {
  if (typeof s?.$ref === "string" && s.$ref.startsWith(prefix)) {
    const name = s.$ref.slice(prefix.length);
    return el("a", { href: `#${encodeURIComponent(anchor(name))}` }, name);
  }
  const joined = s?.allOf ?? s?.anyOf ?? s?.oneOf;
  if (Array.isArray(joined)) return el("span", {}, joined.flatMap((m, i) => (i > 0 ? [" or ", typeOf(m)] : [typeOf(m)])));
  if (s?.type === "array") return el("span", {}, "list of ", typeOf(s.items ?? {}));
  if (s?.enum) return `one of ${s.enum.map((v) => write(v)).join(", ")}`;
  return [s?.type ?? "any", s?.format && `(${s.format})`].filter(Boolean).join(" ");
}

function table(heads, rows) {
  return el(
    "div",
    { class: "table", tabIndex: 0, role: "group", "aria-label": "Table" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, heads.map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((c, i) => (i === 0 ? el("th", { scope: "row" }, c) : el("td", {}, c)))))),
    ),
  );
}

load();
