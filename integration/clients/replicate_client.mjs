// Calls a server through the real replicate package. Usage: node replicate_client.mjs URL HEADERS BODY, the files
// of a webhook that was received; prints a line for each call.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const Replicate = createRequire(process.env.REPLICATE_MODULES + "/")("replicate");
const { validateWebhook } = Replicate;
const replicate = new Replicate({ auth: "x", baseUrl: process.argv[2] + "/v1" });

function check(name, ok, seen) {
  console.log(ok ? "ok" : "FAILED", name, ok ? "" : JSON.stringify(seen)?.slice(0, 500));
}

let p = await replicate.predictions.create({ version: "v1", input: { do: "sleep", seconds: 0.3 } });
check("predictions.create(version)", p.status === "starting" && p.id && p.urls.stream, p);
p = await replicate.wait(p);
check("wait", p.status === "succeeded" && p.output === "rested", p);
p = await replicate.predictions.create({ version: "v1", input: { do: "sleep", seconds: 30 }, wait: 1 });
check("create(version, wait=1)", p.status === "starting", p);
const canceled = await replicate.predictions.cancel(p.id);
check("predictions.cancel", canceled.id === p.id && canceled.status === "canceled", canceled);
p = await replicate.predictions.create({ model: "owner/name", input: { do: "echo", text: "by model" }, wait: 5 });
check("create(model)", p.output === "by model", p);
let out = await replicate.run("owner/name", { input: { do: "echo", text: "hi" } });
check('run("o/m")', out === "hi", out);
out = await replicate.run("owner/name:" + p.version, { input: { do: "items", n: 2 }, wait: { mode: "poll" } });
check('run("o/m:ver"), polled', JSON.stringify(out) === '["0","1"]', out);
let text = "";
for await (const event of replicate.stream("owner/name", { input: { do: "tokens", text: "two\nlines ", n: 3 } })) {
  if (event.event === "output") text += event.data;
}
check("stream", text === "two\nlines 0two\nlines 1two\nlines 2", text);
check("predictions.get", (await replicate.predictions.get(p.id)).output === "by model");
check("predictions.list", (await replicate.predictions.list()).results.some((one) => one.id === p.id));
const file = await replicate.files.create(new Blob(["content"], { type: "text/plain" }), { k: 1 });
check("files.create", file.size === 7 && file.content_type === "text/plain", file);
out = await replicate.run("owner/name", { input: { do: "read", image: file.urls.get } });
check("a kept file as input", out[0].endsWith(":content"), out);
out = await replicate.run("owner/name", { input: { do: "read", image: Buffer.from("sent along") } });
check("a buffer as input", out[0].endsWith(":sent along"), out);
out = await replicate.run("owner/name", { input: { do: "file", text: "made" } });
check("a file as output", (await out.blob?.())?.size === 4, out);
check("files.delete", await replicate.files.delete(file.id));
check("webhooks.default.secret", (await replicate.webhooks.default.secret.get()).key.startsWith("whsec_"));
check("models.get", (await replicate.models.get("owner", "name")).latest_version.id === p.version);
check("accounts.current", (await replicate.accounts.current()).username === "coglet");
const [head, body] = process.argv.slice(3).map((path) => readFileSync(path, "utf8"));
const signed = JSON.parse(head);
const valid = await validateWebhook({
  id: signed["webhook-id"],
  timestamp: signed["webhook-timestamp"],
  signature: signed["webhook-signature"],
  body,
  secret: (await replicate.webhooks.default.secret.get()).key,
});
check("webhook signature", valid, signed);
console.log("done");
