// The playground: puts the form, the result, the code, the past predictions and the health together.

import { ask, ended } from "./api.js";
import { announce, copyButton, el, perFrame } from "./dom.js";
import { Form } from "./form.js";
import { Health } from "./health.js";
import { History } from "./history.js";
import { write } from "./json.js";
import { Result } from "./run.js";
import { concatenates } from "./schema.js";
import { languages } from "./snippets.js";

const $ = (id) => document.getElementById(id);

let form = null;
let loaded = ""; // the document that the form is made from, as text
let language = "curl";

const isSecret = (name) => form === null || form.isSecret(name);
const result = new Result($("result"), { joined: false, changed, isSecret });
const history = new History($("history"), (id) => (location.hash = encodeURIComponent(id)), isSecret);
const health = new Health($("health"), $("setup"), onHealth);

/** The status of the shown prediction has changed. */
function changed(prediction) {
  history.update(prediction);
  history.mark(prediction.id);
  const hash = `#${encodeURIComponent(prediction.id)}`;
  if (location.hash !== hash) window.history.replaceState(null, "", hash);
  if (ended(prediction) && health.status === "BUSY") health.look();
}

function onHealth(status) {
  const version = health.versions;
  if (version) $("versions").textContent = [`coglet ${version.coglet}`, version.python_sdk && `SDK ${version.python_sdk}`, version.python && `Python ${version.python}`].filter(Boolean).join(" · ");
  if (status === "READY" || status === "BUSY" || status === "UNHEALTHY") loadForm(true);
  else if (form === null) $("form").setAttribute("aria-busy", String(status === "STARTING"));
}

/**
 * Makes the form, as soon as the model's document is there, and anew when it has changed. ready: the model is, so that
 * no document means that there will be none.
 */
async function loadForm(ready) {
  let doc;
  try {
    doc = await ask("/openapi.json");
  } catch (e) {
    if (e.status !== 503 || !ready) return;
    doc = {}; // the model takes any JSON
  }
  const text = write(doc);
  if (text === loaded) return;
  const draft = form?.draft();
  loaded = text;
  result.join(concatenates(doc));
  form = new Form($("fields"), doc, showCode);
  if (draft) form.fill(draft);
  $("form").removeAttribute("aria-busy");
  $("wait").hidden = true;
  $("actions").hidden = false;
  $("code").hidden = false;
  $("run").disabled = false;
  $("asjson").hidden = form.asJSON;
  if (shownInput !== null) fillFrom(shownInput);
  showCode();
  history.draw(); // which inputs are secret is known now
  performance.mark("form");
}

const how = () => document.querySelector('input[name="how"]:checked').value;

const showCode = perFrame(() => {
  if (!form || !$("code").open) return;
  const url = new URL("/predictions", location.href).href;
  $("snippet").textContent = languages[language](url, how(), form.draft(), isSecret);
});

async function run(event) {
  event?.preventDefault();
  if (!form) return;
  complain("");
  const input = form.values();
  if (!input) {
    announce("Some inputs are not right.");
    return;
  }
  const title = $("result-title").getBoundingClientRect();
  if (title.top < 0 || title.bottom > innerHeight / 2) $("result-title").scrollIntoView();
  try {
    await result.begin(how(), input);
  } catch (e) {
    const rest = e.details ? form.complain(e.details) : [e.message];
    complain(rest.join("\n"));
    if (e.details) announce("Some inputs are not right.");
    if (e.status === 503 || e.status === 0) health.look();
  }
}

function complain(text) {
  $("refusal").textContent = text;
  $("refusal").hidden = text === "";
}

let shownInput = null; // of a past prediction that came before the form

function fillFrom(input) {
  shownInput = form ? null : input;
  form?.fill(input);
  showCode();
}

/** Shows the prediction that the address names: a reload shows the same again. */
async function showNamed() {
  let id;
  try {
    id = decodeURIComponent(location.hash.slice(1));
  } catch {
    return;
  }
  if (id === "" || id === result.run?.prediction.id) return;
  try {
    const prediction = await result.show(id);
    history.mark(id);
    if (prediction.input) fillFrom(prediction.input);
  } catch (e) {
    complain(e.status === 404 ? "The server no longer holds this prediction." : e.message);
    window.history.replaceState(null, "", location.pathname);
  }
}

function makeTabs() {
  const names = Object.keys(languages);
  const tabs = names.map((name) => {
    const tab = el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "snippet" }, name);
    tab.addEventListener("click", () => choose(name));
    tab.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!step) return;
      e.preventDefault();
      const next = names[(names.indexOf(name) + step + names.length) % names.length];
      choose(next);
      $(`tab-${next}`).focus();
    });
    return tab;
  });
  const choose = (name) => {
    language = name;
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(names[i] === name));
      tab.tabIndex = names[i] === name ? 0 : -1;
    });
    $("snippet").setAttribute("aria-labelledby", `tab-${name}`);
    showCode();
  };
  $("languages").append(...tabs);
  $("copycode").append(copyButton(() => $("snippet").textContent));
  choose(language);
}

makeTabs();
$("form").addEventListener("submit", run);
$("form").addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) run(e);
});
$("reset").addEventListener("click", () => {
  form?.reset();
  complain("");
  showCode();
});
$("json").addEventListener("change", () => {
  if (form && !form.turn($("json").checked)) $("json").checked = true;
  showCode();
});
for (const radio of document.querySelectorAll('input[name="how"]')) radio.addEventListener("change", showCode);
$("code").addEventListener("toggle", showCode);
$("refresh").addEventListener("click", () => history.load());
window.addEventListener("hashchange", showNamed);

health.look();
loadForm(false);
history.load();
showNamed();
