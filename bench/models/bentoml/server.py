"""Every model, each on a route of its own, in BENCH_WORKERS processes."""

import base64
import os
import tempfile
from typing import Any, Dict, Generator

import bentoml
from bentoml.validators import ContentType
from typing_extensions import Annotated


@bentoml.service(workers=int(os.environ["BENCH_WORKERS"]), metrics={"enabled": False})
class Service:
    @bentoml.api
    def echo(self, input: Dict[str, Any]) -> Dict[str, Any]:
        return {"output": input["s"], "status": "succeeded"}

    @bentoml.api
    async def echo_async(self, input: Dict[str, Any]) -> Dict[str, Any]:
        return {"output": input["s"], "status": "succeeded"}

    @bentoml.api
    def file(self, input: Dict[str, Any]) -> Dict[str, Any]:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(range(256)) * (input["n"] // 256))
            file.seek(0)
            content = base64.b64encode(file.read()).decode()
        return {"output": "data:application/octet-stream;base64," + content, "status": "succeeded"}

    @bentoml.api
    def items(self, input: Dict[str, Any]) -> Annotated[Generator[str, None, None], ContentType("text/event-stream")]:
        for i in range(input["n"]):
            yield f'data: "item {i}"\n\n'
