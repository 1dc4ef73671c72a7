// A text that grows: logs, or an output in pieces. However much comes, the page draws once per frame and shows only the
// end; the whole is kept aside to copy and to save.

import { copyButton, el, perFrame } from "./dom.js";

const maxKept = 64 << 20; // characters
const maxBlock = 16 << 10; // characters of one text node

export class TextPane {
  /** lines, characters: how much is shown; terminal: \r goes back to the start of the line, as in a terminal. */
  constructor({ label, lines, characters, terminal = false, name }) {
    Object.assign(this, { lines, characters, terminal });
    this.text = el("pre", { tabIndex: 0, role: terminal ? "log" : "group", "aria-label": label, "aria-live": "off" });
    this.notice = el("p", { class: "notice", hidden: true });
    const save = el("button", { type: "button", class: "quiet" }, "Save");
    save.addEventListener("click", () => saveBlob(new Blob(this.pieces, { type: "text/plain" }), name));
    this.node = el("div", { class: "textpane" }, this.text, el("div", { class: "tools" }, this.notice, copyButton(() => this.all()), save));
    this.draw = perFrame(() => this.flush());
    this.clear();
  }

  clear() {
    this.pieces = [];
    this.kept = 0; // characters in pieces
    this.total = 0; // characters ever
    this.count = 0; // lines ever
    this.pending = [];
    this.line = ""; // the unfinished line, of a terminal
    this.blocks = []; // {node, lines} on the page
    this.shown = { lines: 0, characters: 0 };
    this.open = null; // node of the unfinished line
    this.text.replaceChildren();
    this.notice.hidden = true;
  }

  append(text) {
    if (!text) return;
    this.pieces.push(text);
    this.pending.push(text);
    this.kept += text.length;
    this.total += text.length;
    while (this.kept > maxKept && this.pieces.length > 1) this.kept -= this.pieces.shift().length;
    this.draw();
  }

  all() {
    return this.pieces.join("");
  }

  /** Makes the text what it is said to be, drawing only what is new. */
  set(whole) {
    const now = this.all();
    if (whole === now) return;
    if (whole.startsWith(now)) {
      this.append(whole.slice(now.length));
    } else {
      this.clear();
      this.append(whole);
    }
  }

  flush() {
    if (this.pending.length === 0) return;
    let text = this.pending.join("");
    this.pending = [];
    this.count += newlines(text);
    const atEnd = this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight < 40;
    if (text.length > 2 * this.characters) text = lastOf(text, this.characters);
    if (this.terminal) this.terminalText(text);
    else this.block(text);
    this.trim();
    if (atEnd) this.text.scrollTop = this.text.scrollHeight;
  }

  terminalText(text) {
    text = this.line + text;
    const end = text.lastIndexOf("\n") + 1;
    this.open?.remove();
    if (end > 0) this.block(plain(text.slice(0, end)));
    this.line = text.slice(end);
    const back = this.line.lastIndexOf("\r", this.line.length - 2);
    if (back >= 0) this.line = this.line.slice(back + 1);
    this.open = document.createTextNode(plain(this.line));
    this.text.append(this.open);
  }

  block(text) {
    const lines = newlines(text);
    if (lines > this.lines) {
      this.drop(Infinity);
      text = lastLines(text, this.lines);
    }
    const last = this.blocks.at(-1);
    if (last && last.node.length + text.length < maxBlock) {
      last.node.appendData(text);
      last.lines += newlines(text);
    } else {
      this.blocks.push({ node: document.createTextNode(text), lines: newlines(text) });
      this.text.append(this.blocks.at(-1).node);
    }
    this.shown.lines += newlines(text);
    this.shown.characters += text.length;
  }

  drop(n) {
    for (const b of this.blocks.splice(0, n)) {
      this.shown.lines -= b.lines;
      this.shown.characters -= b.node.length;
      b.node.remove();
    }
  }

  /** Whole blocks leave at the top. */
  trim() {
    while (this.blocks.length > 1 && (this.shown.lines > this.lines || this.shown.characters > this.characters)) this.drop(1);
    const hidden = this.count - this.shown.lines;
    const cut = this.terminal ? hidden > 0 : this.shown.characters < this.total;
    this.notice.hidden = !cut;
    const n = (x) => x.toLocaleString("en");
    if (cut && this.count > 0) this.notice.textContent = `The last ${n(this.shown.lines)} of ${n(this.count)} lines are shown. `;
    else if (cut) this.notice.textContent = `The last ${n(this.shown.characters)} of ${n(this.total)} characters are shown. `;
    if (cut && this.kept < this.total) this.notice.textContent += "The oldest are no longer kept here. ";
  }
}

function newlines(text) {
  let n = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) n++;
  return n;
}

function lastOf(text, n) {
  const from = text.length - n;
  const line = text.indexOf("\n", from);
  return text.slice(line >= 0 && line < from + 1000 ? line + 1 : from);
}

function lastLines(text, n) {
  let at = text.length - 1;
  for (let k = 0; k < n && at >= 0; k++) at = text.lastIndexOf("\n", at - 1);
  return text.slice(at + 1);
}

/** What a terminal would show: colours and lines that were written over left out. */
function plain(text) {
  if (text.includes("\x1b")) text = text.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, "");
  if (!text.includes("\r")) return text;
  return text
    .split("\n")
    .map((line) => {
      const end = line.endsWith("\r") ? line.length - 1 : line.length;
      return line.slice(line.lastIndexOf("\r", end - 1) + 1, end);
    })
    .join("\n");
}

/** Gives the browser a file to save. */
export function saveBlob(blob, name) {
  // never a type that a browser would open as a page
  const url = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
