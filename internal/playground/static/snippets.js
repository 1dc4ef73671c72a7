// The same request as curl, Python and JavaScript, quoted so that it can be pasted whatever the values are.

import { holdsExact, Exact, write } from "./json.js";

/** What is copied. how is stream, wait or background; secrets are names of inputs that are not shown. */
export const languages = { curl, Python: python, JavaScript: javascript };

const isFile = (v) => v instanceof File;

/** Hides secrets, which would stand on the screen otherwise. */
function hide(input, isSecret) {
  const shown = {};
  for (const [name, v] of Object.entries(input)) {
    const value = isSecret(name) ? (Array.isArray(v) ? v.map(() => `YOUR ${name}`) : `YOUR ${name}`) : v;
    Object.defineProperty(shown, name, { value, enumerable: true });
  }
  return shown;
}

const headersOf = { stream: ["Accept", "text/event-stream"], background: ["Prefer", "respond-async"] };

/** A word of a POSIX shell. */
function shell(text) {
  return /^[a-zA-Z0-9_\-./:=@%+,]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function curl(url, how, input, isSecret) {
  const values = Object.entries(hide(input, isSecret));
  const isUpload = ([, v]) => isFile(v) || (Array.isArray(v) && v.length > 0 && v.every(isFile));
  const rest = Object.fromEntries(values.filter((entry) => !isUpload(entry)).map(([k, v]) => [k, byName(v)]));
  const words = [["curl", how === "stream" ? "-sN" : "-s", shell(url)]];
  const header = headersOf[how];
  if (header) words.push(["-H", shell(header.join(": "))]);
  const uploads = values.filter(isUpload);
  if (uploads.length === 0) {
    words.push(["-H", shell("Content-Type: application/json")], ["--data-raw", shell(write({ input: rest }))]);
  } else {
    words.push(["--form-string", shell(`input=${write(rest)}`)]);
    for (const [name, v] of uploads) {
      for (const f of [v].flat()) {
        const quoted = `"${f.name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
        words.push(["-F", shell(`input.${name}=@${quoted}`)]);
      }
    }
  }
  return words.map((w) => w.join(" ")).join(" \\\n  ");
}

/** A file that stands among other values: its name, since a command line cannot hold it. */
function byName(v) {
  if (isFile(v)) return `URL of ${v.name}`;
  return Array.isArray(v) ? v.map(byName) : v;
}

/** A string that is the same in Python and in JavaScript. */
const quote = (text) => JSON.stringify(text).replaceAll("\u007f", "\\u007f").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");

/** Writes a literal; words are the language's own for null, true and false, key writes a key, file a file. */
function literal(v, lang, at = "") {
  if (v === null) return lang.null;
  if (typeof v === "boolean") return v ? lang.true : lang.false;
  if (v instanceof Exact) return v.text;
  if (isFile(v)) return lang.file(v);
  if (typeof v === "string") return quote(v);
  if (typeof v !== "object") return JSON.stringify(v);
  const inner = `${at}    `;
  const list = Array.isArray(v);
  const items = list ? v.map((i) => literal(i, lang, inner)) : Object.entries(v).map(([k, i]) => `${lang.key(k)}: ${literal(i, lang, inner)}`);
  const [open, close] = list ? "[]" : "{}";
  if (items.length === 0) return open + close;
  if (list && items.join(", ").length < 70 && !items.some((i) => i.includes("\n"))) return `[${items.join(", ")}]`;
  return `${open}\n${items.map((i) => `${inner}${i},\n`).join("")}${at}${close}`;
}

const hasFile = (v) => isFile(v) || (Array.isArray(v) && v.some(isFile));

const snake = {
  null: "None",
  true: "True",
  false: "False",
  key: quote,
  file: (f) => `data_url(${quote(f.name)})`,
};

function python(url, how, input, isSecret) {
  const shown = hide(input, isSecret);
  const files = Object.values(shown).some(hasFile);
  const header = headersOf[how];
  const lines = [files && "import base64", "import json", files && "import mimetypes", "import urllib.request", ""];
  if (files) {
    lines.push(
      "",
      "def data_url(path):",
      '    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"',
      '    with open(path, "rb") as file:',
      '        return f"data:{kind};base64,{base64.b64encode(file.read()).decode()}"',
      "",
      "",
    );
  }
  lines.push(
    `input = ${literal(shown, snake)}`,
    "request = urllib.request.Request(",
    `    ${quote(url)},`,
    '    data=json.dumps({"input": input}).encode(),',
    `    headers={"Content-Type": "application/json"${header ? `, ${header.map(quote).join(": ")}` : ""}},`,
    ")",
    "with urllib.request.urlopen(request) as answer:",
  );
  if (how === "stream") {
    lines.push(
      "    for line in answer:",
      '        if line.startswith(b"event: "):',
      "            event = line[7:].decode().strip()",
      '        elif line.startswith(b"data: "):',
      "            print(event, json.loads(line[6:]))",
    );
  } else if (how === "background") {
    lines.push(
      "    prediction = json.load(answer)",
      'while prediction["status"] in ("starting", "processing"):',
      `    with urllib.request.urlopen(${quote(`${url}/`)} + prediction["id"] + "?wait=10") as answer:`,
      "        prediction = json.load(answer)",
      'print(prediction["status"], prediction.get("output", prediction.get("error")))',
    );
  } else {
    lines.push("    prediction = json.load(answer)", 'print(prediction["status"], prediction.get("output", prediction.get("error")))');
  }
  return `${lines.filter((l) => l !== false).join("\n")}\n`;
}

const camel = {
  null: "null",
  true: "true",
  false: "false",
  key: (k) => (k === "__proto__" ? '["__proto__"]' : quote(k)),
  file: (f) => `await dataURL(${quote(f.name)})`,
};

function javascript(url, how, input, isSecret) {
  const shown = hide(input, isSecret);
  const files = Object.values(shown).some(hasFile);
  const header = headersOf[how];
  const lines = [];
  if (files) {
    lines.push(
      'import { readFile } from "node:fs/promises";',
      "",
      "async function dataURL(path) {",
      '  return `data:application/octet-stream;base64,${(await readFile(path)).toString("base64")}`;',
      "}",
      "",
    );
  }
  // numbers that JavaScript cannot hold are sent as the text of the JSON
  const exact = !files && holdsExact(shown);
  lines.push(
    exact ? `const body = ${quote(write({ input: shown }))};` : `const input = ${literal(shown, camel)};`,
    `const answer = await fetch(${quote(url)}, {`,
    '  method: "POST",',
    `  headers: { "Content-Type": "application/json"${header ? `, ${header.map(quote).join(": ")}` : ""} },`,
    exact ? "  body," : "  body: JSON.stringify({ input }),",
    "});",
  );
  if (how === "stream") {
    lines.push(
      'let partial = "", event;',
      "for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {",
      '  const lines = (partial + chunk).split("\\n");',
      "  partial = lines.pop();",
      "  for (const line of lines) {",
      '    if (line.startsWith("event: ")) event = line.slice(7);',
      '    if (line.startsWith("data: ")) console.log(event, JSON.parse(line.slice(6)));',
      "  }",
      "}",
    );
  } else if (how === "background") {
    lines.push(
      "let prediction = await answer.json();",
      'while (["starting", "processing"].includes(prediction.status)) {',
      `  const next = await fetch(\`${url}/\${prediction.id}?wait=10\`);`,
      "  prediction = await next.json();",
      "}",
      "console.log(prediction.status, prediction.output ?? prediction.error);",
    );
  } else {
    lines.push("const prediction = await answer.json();", "console.log(prediction.status, prediction.output ?? prediction.error);");
  }
  return `${lines.join("\n")}\n`;
}
