// JSON that keeps whole numbers whole: what JavaScript cannot hold exactly is kept as it was written.

/** A number as its text. */
export class Exact {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const large = /\d{16}/;

/** Parses JSON. Integers beyond 2^53 become Exact where the browser tells how they were written. */
export function parse(text) {
  if (!large.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source;
    return source && /^-?\d+$/.test(source) ? new Exact(source) : value;
  });
}

/** Writes JSON, on one line or indented. A list of short plain values stays on one line. */
export function write(value, indent = "", at = "") {
  if (value instanceof Exact) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const list = Array.isArray(value);
  const items = list
    ? value.map((v) => write(v, indent, at + indent))
    : Object.entries(value)
        .filter(([, v]) => v !== undefined)
        .map(([k, v]) => `${JSON.stringify(k)}: ${write(v, indent, at + indent)}`);
  const [open, close] = list ? "[]" : "{}";
  if (items.length === 0) return open + close;
  const flat = list && items.every((i) => i.length < 30 && !i.includes("\n")) && items.join(", ").length < 70;
  if (!indent || flat) return open + items.join(", ") + close;
  return `${open}\n${items.map((i) => at + indent + i).join(",\n")}\n${at}${close}`;
}

/** Whether two values are the same JSON. */
export const same = (a, b) => write(a) === write(b);

/** Whether a value holds numbers that only JSON can carry whole. */
export function holdsExact(value) {
  if (value instanceof Exact) return true;
  return value !== null && typeof value === "object" && Object.values(value).some(holdsExact);
}
