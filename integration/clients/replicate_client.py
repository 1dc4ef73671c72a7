"""Calls a server through the real replicate package. Usage: replicate_client.py URL; prints a line for each call."""

import io
import sys
import time

import replicate
from replicate.client import Client
from replicate.exceptions import ReplicateError
from replicate.webhook import Webhooks

client = Client(api_token="x", base_url=sys.argv[1])


def check(name, ok, seen=None):
    print("ok" if ok else "FAILED", name, "" if ok else repr(seen)[:500], flush=True)


p = client.predictions.create(version="v1", input={"do": "sleep", "seconds": 0.3})
check("predictions.create(version)", p.status == "starting" and bool(p.id) and bool(p.urls["stream"]), p)
p.wait()
check("prediction.wait", p.status == "succeeded" and p.output == "rested" and p.metrics["predict_time"] > 0.2, p)
p = client.predictions.create(version="v1", input={"do": "sleep", "seconds": 30}, wait=1)
check("create(version, wait=1)", p.status == "starting" and p.output is None, p)
p.cancel()
check("predictions.cancel", p.status == "canceled", p)
p = client.predictions.create(model="owner/name", input={"do": "echo", "text": "by model"})
p.wait()
check("create(model)", p.status == "succeeded" and p.output == "by model", p)
out = client.run("owner/name", input={"do": "echo", "text": "hi"})
check('run("o/m")', out == "hi", out)
out = client.run("owner/name:" + p.version, input={"do": "items", "n": 3})
check('run("o/m:ver")', list(out) == ["0", "1", "2"], out)
out = client.run("owner/name", input={"do": "sleep", "seconds": 1.5}, wait=1)
check("run that outlasts its wait", out == "rested", out)
tokens = [str(e) for e in client.stream("owner/name", input={"do": "tokens", "text": "two\nlines ", "n": 3})]
check("stream", "".join(tokens) == "two\nlines 0two\nlines 1two\nlines 2", tokens)
try:
    list(client.stream("owner/name", input={"do": "fail", "text": "boom"}))
    check("stream of a failure", False, "no error")
except RuntimeError as error:
    check("stream of a failure", "ValueError: boom" in str(error), error)
got = client.predictions.get(p.id)
check("predictions.get", got.output == "by model" and got.input["text"] == "by model", got)
check("predictions.list", p.id in [one.id for one in client.predictions.list().results])
file = client.files.create(io.BytesIO(b"content"), filename="a b.txt", content_type="text/plain", metadata={"k": 1})
check("files.create", file.size == 7 and file.metadata == {"k": 1} and file.checksums["sha256"] != "", file)
check("files.get, list", client.files.get(file.id).name == "a b.txt" and len(client.files.list()) == 1)
out = client.run("owner/name", input={"do": "read", "image": file.urls["get"]})
check("a kept file as input", out == ["a b.txt:content"], out)
out = client.run("owner/name", input={"do": "read", "image": io.BytesIO(b"sent along")})
check("an open file as input", len(out) == 1 and out[0].endswith(":sent along"), out)
out = client.run("owner/name", input={"do": "read", "image": io.BytesIO(b"inline")}, file_encoding_strategy="base64")
check("an open file as a data: URL", len(out) == 1 and out[0].endswith(":inline"), out)
out = client.run("owner/name", input={"do": "file", "text": "made"})
check("a file as output", type(out).__name__ == "FileOutput" and out.read() == b"made", out)
client.files.delete(file.id)
try:
    client.files.get(file.id)
    check("files.delete", False, "it is still there")
except ReplicateError as error:
    check("files.delete", error.status == 404, error)
secret = client.webhooks.default.secret()
check("webhooks.default.secret", secret.key.startswith("whsec_"), secret)
check("models.get", client.models.get("owner/name").latest_version.openapi_schema["openapi"] != "")
check("accounts.current", client.accounts.current().username == "coglet")
failed = client.predictions.create(version="v", input={"do": "fail", "text": "boom"}, wait=5)
check(
    "a failure", failed.status == "failed" and failed.error == "ValueError: boom" and "Traceback" in failed.logs, failed
)
try:
    client.predictions.create(version="v", input={"n": "many"})
    check("a bad input", False, "no error")
except ReplicateError as error:
    check("a bad input", error.status == 422 and "n" in error.detail, error)
if len(sys.argv) > 3:  # a webhook that was received: its headers and body, in files
    import json

    with open(sys.argv[2]) as headers, open(sys.argv[3]) as body:
        Webhooks.validate(headers=json.load(headers), body=body.read(), secret=secret)
    check("webhook signature", True)
assert replicate and time
print("done")
