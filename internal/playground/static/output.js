// What a model gave back, shown as what it is: pictures, sound, films, texts, files, anything else as JSON.

import { bytes, copyButton, el, perFrame } from "./dom.js";
import { Exact, write } from "./json.js";
import { saveBlob, TextPane } from "./textpane.js";

const maxItems = 200; // of a list, shown at once
const maxText = 200_000; // characters of one text
const maxURL = 8_000; // characters of an address that is shown as a link

export class Output {
  constructor() {
    this.node = el("div", { class: "output" });
    this.urls = [];
    this.draw = perFrame(() => this.flush());
    this.reset(false);
  }

  /** joined: the chunks are one text. */
  reset(joined) {
    this.joined = joined;
    this.chunks = [];
    this.items = null; // the element that holds the items of a list
    this.drawn = 0; // chunks
    this.pane = null;
    for (const url of this.urls.splice(0)) URL.revokeObjectURL(url);
    this.node.replaceChildren();
  }

  /** Takes the next chunk of a stream. */
  chunk(value) {
    this.chunks.push(value);
    this.draw();
  }

  /** Shows a whole output. A list that came in chunks is there already. */
  whole(value, streamed) {
    if (streamed && Array.isArray(value) && value.length === this.chunks.length) {
      this.flush();
      return;
    }
    if (Array.isArray(value) && (this.joined || value.some(isMedia))) {
      this.reset(this.joined);
      this.chunks = value;
      this.flush();
      return;
    }
    this.reset(this.joined);
    this.drawn = 0;
    if (value === undefined || value === null) this.node.append(el("p", { class: "about" }, "The model returned nothing."));
    else this.node.append(this.show(value));
  }

  flush() {
    const fresh = this.chunks.slice(this.drawn);
    if (fresh.length === 0) return;
    this.drawn = this.chunks.length;
    if (this.joined && this.chunks.every((c, i) => i < this.drawn - fresh.length || typeof c === "string") && !fresh.some(isMedia)) {
      if (!this.pane) {
        this.pane = new TextPane({ label: "Output", lines: 5000, characters: maxText, name: "output.txt" });
        this.pane.node.classList.add("prose");
        this.node.replaceChildren(this.pane.node);
      }
      this.pane.append(fresh.join(""));
      this.pane.flush();
      return;
    }
    this.addItems(fresh);
  }

  addItems(fresh) {
    if (!this.items) {
      this.items = el("ol", { class: "items" });
      this.more = el("p", { class: "notice", hidden: true });
      this.node.append(this.more, this.items);
    }
    const first = this.chunks.length - Math.min(fresh.length, maxItems);
    fresh.slice(-maxItems).forEach((value, i) => this.items.append(el("li", { value: first + i + 1 }, this.show(value))));
    while (this.items.children.length > maxItems) this.items.firstChild.remove();
    const hidden = this.chunks.length - this.items.children.length;
    this.more.hidden = hidden === 0;
    this.more.textContent = `The last ${maxItems} of ${this.chunks.length.toLocaleString("en")} items are shown; all of them are in the answer below.`;
  }

  /** The element for one value. */
  show(value) {
    if (typeof value === "string") return this.text(value);
    if (value === null || typeof value !== "object" || value instanceof Exact) return el("pre", { class: "value" }, write(value));
    const found = [];
    findMedia(value, "", found);
    return el(
      "div",
      {},
      found.slice(0, maxItems).map(([path, v]) => el("figure", {}, el("figcaption", {}, path), this.text(v))),
      jsonBlock(value),
    );
  }

  text(value) {
    if (/^data:/i.test(value)) return this.data(value) ?? textBlock(value);
    if (/^https?:\/\/\S+$/i.test(value) && value.length <= maxURL) return link(value);
    return textBlock(value);
  }

  /** The element for a data: URL; undefined when it is none. */
  data(value) {
    const blob = decode(value);
    if (!blob) return undefined;
    const [kind] = blob.type.split("/");
    const name = `output.${extension(blob.type)}`;
    const save = el("button", { type: "button", class: "quiet" }, `Save ${name} (${bytes(blob.size)})`);
    save.addEventListener("click", () => saveBlob(blob, name));
    const shown = el("div", { class: "media" });
    if (kind === "image" || kind === "audio" || kind === "video") {
      const url = URL.createObjectURL(blob);
      this.urls.push(url);
      shown.append(player(kind, url));
    } else if (/^text\/plain\b|^application\/json\b/.test(blob.type) && blob.size < 1 << 20) {
      const pre = el("pre", { class: "value", tabIndex: 0 });
      blob.text().then((t) => (pre.textContent = t));
      shown.append(pre);
    }
    shown.append(el("div", { class: "tools" }, save));
    return shown;
  }
}

function player(kind, url) {
  if (kind === "image") return el("img", { src: url, alt: "Output of the model" });
  return el(kind, { src: url, controls: true, preload: "metadata", "aria-label": `Output of the model, ${kind}` });
}

const extensions = {
  image: /\.(png|jpe?g|gif|webp|avif|svg|bmp)$/i,
  audio: /\.(mp3|wav|ogg|oga|flac|m4a|opus)$/i,
  video: /\.(mp4|webm|mov|ogv|m4v)$/i,
};

/** A link to what lies elsewhere, with what it shows when its name says that. */
function link(value) {
  let url;
  try {
    url = new URL(value);
  } catch {
    return textBlock(value);
  }
  const [kind] = Object.entries(extensions).find(([, re]) => re.test(url.pathname)) ?? [];
  const anchor = el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, value);
  return kind ? el("div", { class: "media" }, player(kind, url.href), anchor) : anchor;
}

function textBlock(value) {
  const pane = new TextPane({ label: "Output", lines: 5000, characters: maxText, name: "output.txt" });
  pane.node.classList.add("prose");
  pane.append(value);
  pane.flush();
  return pane.node;
}

/** JSON, indented; what is long is shortened, and copied whole. */
export function jsonBlock(value) {
  const text = write(shorten(value), "  ");
  const cut = text.length > maxText;
  return el(
    "div",
    { class: "textpane" },
    el("pre", { class: "code", tabIndex: 0, role: "group", "aria-label": "JSON" }, cut ? text.slice(0, maxText) : text),
    el(
      "div",
      { class: "tools" },
      cut && el("p", { class: "notice" }, `The first ${maxText.toLocaleString("en")} characters are shown.`),
      copyButton(() => write(value, "  "), "Copy JSON"),
    ),
  );
}

/** The same value with the middle of what is long left out. */
function shorten(value) {
  if (typeof value === "string") {
    if (/^data:/i.test(value) && value.length > 200) return `${value.slice(0, 60)}… (${bytes(value.length)})`;
    return value.length > 20_000 ? `${value.slice(0, 20_000)}… (${bytes(value.length)})` : value;
  }
  if (value === null || typeof value !== "object" || value instanceof Exact) return value;
  if (Array.isArray(value)) {
    if (value.length <= 2000) return value.map(shorten);
    return [...value.slice(0, 2000).map(shorten), `… ${(value.length - 2000).toLocaleString("en")} more`];
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shorten(v)]));
}

const isMedia = (v) => typeof v === "string" && /^data:[a-z]+\//i.test(v);

function findMedia(value, path, found) {
  if (found.length > maxItems) return;
  if (isMedia(value)) found.push([path, value]);
  else if (value !== null && typeof value === "object" && !(value instanceof Exact)) {
    for (const [k, v] of Object.entries(value)) findMedia(v, Array.isArray(value) ? `${path}[${k}]` : path ? `${path}.${k}` : k, found);
  }
}

/** The content of a data: URL, undefined when it is none. */
export function decode(value) {
  const match = /^data:([a-z0-9.+-]+\/[a-z0-9.+-]+)?((?:;[^,;]*)*),/i.exec(value.slice(0, 500));
  if (!match) return undefined;
  const body = value.slice(match[0].length);
  try {
    const type = (match[1] ?? "text/plain").toLowerCase();
    if (!/;base64$/i.test(match[2])) return new Blob([decodeURIComponent(body)], { type });
    return new Blob([Uint8Array.from(atob(body), (c) => c.charCodeAt(0))], { type });
  } catch {
    return undefined;
  }
}

const known = { "image/jpeg": "jpg", "image/svg+xml": "svg", "text/plain": "txt", "audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "video/quicktime": "mov", "application/octet-stream": "bin" };

function extension(type) {
  const last = type.split("/")[1] ?? "bin";
  return known[type] ?? (/^[a-z0-9]{1,8}$/.test(last) ? last : "bin");
}
