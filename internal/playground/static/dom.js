// Making elements. Texts are only ever set as text: nothing that a model says becomes markup.

let serial = 0;

/** A new id for an element that a label points at. */
export const freshId = (prefix) => `${prefix}-${++serial}`;

/**
 * Makes an element. Properties that start with "on" are listeners, "class" and names with a dash are attributes, the
 * rest are properties. Children are elements or texts; null and false are left out.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name === "for" || name.includes("-")) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** Calls a function at most once per frame, and also where no frames are drawn (a tab in the background). */
export function perFrame(draw) {
  let due = false;
  const run = () => {
    if (!due) return;
    due = false;
    draw();
  };
  return () => {
    if (due) return;
    due = true;
    if (document.hidden) setTimeout(run, 100);
    else requestAnimationFrame(run);
  };
}

/** Copies a text; where the page is not served safely (http from another machine) the old way. */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = el("textarea", { value: text, readOnly: true, class: "offscreen" });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser does not let this page copy");
}

/** A button that copies what a function returns, and says so. */
export function copyButton(text, label = "Copy") {
  const button = el("button", { type: "button", class: "quiet" }, label);
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await copy(text());
    } catch {
      said = "Not copied";
    }
    button.textContent = said;
    announce(said);
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

/** Says something to a screen reader. */
export function announce(text) {
  const live = document.getElementById("live");
  if (live && live.textContent !== text) live.textContent = text;
}

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  for (const unit of ["kB", "MB", "GB"]) {
    n /= 1000;
    if (n < 999.5) return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${unit}`;
  }
  return `${Math.round(n)} GB`;
}

export function seconds(s) {
  if (s < 1) return `${(s * 1000).toFixed(s < 0.01 ? 1 : 0)} ms`;
  if (s < 60) return `${s.toFixed(s < 10 ? 2 : 1)} s`;
  return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
}
