// Talking to the server: requests, streams of events, and what a refusal says.

import { parse, write } from "./json.js";

/** A request that was refused. details is the list of a 422. */
export class Refused extends Error {
  constructor(status, text, details) {
    super(text);
    this.status = status;
    this.details = details;
  }
}

async function send(path, options) {
  try {
    return await fetch(path, { cache: "no-store", ...options });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Refused(0, "The server cannot be reached.");
  }
}

async function read(answer) {
  const text = await answer.text();
  let body;
  try {
    body = parse(text);
  } catch {
    throw new Refused(answer.status, `The server answered ${answer.status} with what is not JSON: ${text.slice(0, 200)}`);
  }
  if (answer.ok) return body;
  const detail = body?.detail;
  const said = body?.error ?? (typeof detail === "string" ? detail : undefined) ?? `The server answered ${answer.status}.`;
  throw new Refused(answer.status, String(said), Array.isArray(detail) ? detail : undefined);
}

/** Sends a request and returns its JSON. */
export async function ask(path, options = {}) {
  return read(await send(path, options));
}

export const predictionPath = (id) => `/predictions/${encodeURIComponent(id)}`;

/** An id of our own, so that a prediction can be canceled before the server has said a word. */
export function newId() {
  const random = crypto.getRandomValues(new Uint8Array(12));
  return `page-${[...random].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
}

const smallFile = 256 * 1024; // bytes: below it a file goes inside the JSON and is there again among past predictions

const isFile = (v) => v instanceof File;
const filesOf = (v) => (isFile(v) ? [v] : Array.isArray(v) ? v.filter(isFile) : []);

/** The body of a request: JSON with the files in it, or a form when they are large. */
export async function encode(id, input) {
  const values = Object.entries(input);
  const files = values.flatMap(([, v]) => filesOf(v));
  const total = files.reduce((sum, f) => sum + f.size, 0);
  // a list of files and URLs cannot be sent as a form
  const mixed = values.some(([, v]) => Array.isArray(v) && v.some(isFile) && !v.every(isFile));
  if (total <= smallFile || mixed) {
    const whole = await inline(input);
    return { body: write({ id, input: whole }), headers: { "Content-Type": "application/json" }, input: whole };
  }
  const form = new FormData();
  const rest = Object.fromEntries(values.filter(([, v]) => filesOf(v).length === 0));
  form.append("id", id);
  form.append("input", write(rest));
  for (const [name, v] of values) for (const f of filesOf(v)) form.append(`input.${name}`, f, f.name);
  return { body: form, headers: {}, input: rest };
}

async function inline(value) {
  if (isFile(value)) return dataURL(value);
  if (Array.isArray(value)) return Promise.all(value.map(inline));
  if (value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = await Promise.all(Object.entries(value).map(async ([k, v]) => [k, await inline(v)]));
  return Object.fromEntries(entries);
}

function dataURL(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.replace(/^data:;/, "data:application/octet-stream;"));
    reader.onerror = () => reject(new Refused(0, `${file.name} cannot be read: ${reader.error?.message}`));
    reader.readAsDataURL(file);
  });
}

/**
 * Starts a prediction. how is stream, wait or background. Returns {events} or {prediction}. A server that has no
 * streams gets the same request again, to be run in the background.
 */
export async function start(how, encoded, signal) {
  const headers = { ...encoded.headers };
  if (how === "stream") headers.Accept = "text/event-stream";
  if (how === "background") headers.Prefer = "respond-async";
  const answer = await send("/predictions", { method: "POST", headers, body: encoded.body, signal });
  if (how === "stream" && answer.status === 406) return start("background", encoded, signal);
  if (isStream(answer)) return { events: events(answer) };
  return { prediction: await read(answer) };
}

/** The events of a prediction that runs, from its first one; null where the server has no such streams. */
export async function attach(id, signal) {
  const answer = await send(`${predictionPath(id)}/stream`, { headers: { Accept: "text/event-stream" }, signal });
  return answer.ok && isStream(answer) ? events(answer) : null;
}

const isStream = (answer) => answer.ok && /^text\/event-stream\b/i.test(answer.headers.get("Content-Type") ?? "");

const turn = 12; // milliseconds of work before the browser may draw

/** Yields {name, data} of each event. */
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let partial = []; // pieces of a line that has not ended
  let name = "";
  let data = [];
  let since = performance.now();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      let from = 0;
      for (let at = value.indexOf("\n"); at >= 0; at = value.indexOf("\n", from)) {
        partial.push(value.slice(from, at));
        from = at + 1;
        const line = partial.length === 1 ? partial[0] : partial.join("");
        partial = [];
        if (line === "") {
          if (data.length > 0) yield { name, data: parse(data.join("\n")) };
          name = "";
          data = [];
        } else if (line.startsWith("data: ")) data.push(line.slice(6));
        else if (line.startsWith("event: ")) name = line.slice(7);
        if (performance.now() - since > turn) {
          await breathe();
          since = performance.now();
        }
      }
      if (from < value.length) partial.push(value.slice(from));
    }
  } finally {
    reader.cancel().catch(() => {}); // the stream may have broken already
  }
}

/** Lets the browser draw and listen. */
function breathe() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(null);
  });
}

const over = new Set(["succeeded", "failed", "canceled"]);

/** Whether a prediction has ended. */
export const ended = (p) => over.has(p.status);
