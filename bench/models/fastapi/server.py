"""Every model, each on a route of its own."""

import base64
import tempfile
from typing import Any, Dict, Iterator

from fastapi import FastAPI, Header
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()


class Text(BaseModel):
    s: str


class Echo(BaseModel):
    input: Text


class Count(BaseModel):
    n: int


class Many(BaseModel):
    input: Count


@app.get("/health")
async def health() -> Dict[str, str]:
    return {}


@app.post("/echo")
def echo(request: Echo) -> Dict[str, str]:
    return {"output": request.input.s, "status": "succeeded"}


@app.post("/echo_async")
async def echo_async(request: Echo) -> Dict[str, str]:
    return {"output": request.input.s, "status": "succeeded"}


@app.post("/file")
def file(request: Many) -> Dict[str, str]:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(range(256)) * (request.input.n // 256))
        file.seek(0)
        content = base64.b64encode(file.read()).decode()
    return {"output": "data:application/octet-stream;base64," + content, "status": "succeeded"}


def yields(n: int) -> Iterator[str]:
    for i in range(n):
        yield f"item {i}"


@app.post("/items", response_model=None)
def items(request: Many, accept: str = Header("")) -> Any:
    if accept == "text/event-stream":
        events = (f'data: "{item}"\n\n' for item in yields(request.input.n))
        return StreamingResponse(events, media_type="text/event-stream")
    return {"output": list(yields(request.input.n)), "status": "succeeded"}
