"""One model at a time: server.py MODEL WORKERS PORT."""

import base64
import sys
import tempfile
from typing import Any, Dict, Iterator

from litserve import LitAPI, LitServer


class Echo(LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: Dict[str, Any]) -> Any:
        return request["input"]["s"]

    def predict(self, s: str) -> str:
        return s

    def encode_response(self, output: str) -> Dict[str, str]:
        return {"output": output, "status": "succeeded"}


class EchoAsync(LitAPI):
    def setup(self, device: str) -> None:
        pass

    async def decode_request(self, request: Dict[str, Any]) -> Any:
        return request["input"]["s"]

    async def predict(self, s: str) -> str:
        return s

    async def encode_response(self, output: str) -> Dict[str, str]:
        return {"output": output, "status": "succeeded"}


class File(Echo):
    def decode_request(self, request: Dict[str, Any]) -> Any:
        return request["input"]["n"]

    def predict(self, n: int) -> str:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(range(256)) * (n // 256))
            file.seek(0)
            content = base64.b64encode(file.read()).decode()
        return "data:application/octet-stream;base64," + content


class Items(LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: Dict[str, Any]) -> Any:
        return request["input"]["n"]

    def predict(self, n: int) -> Iterator[str]:
        for i in range(n):
            yield f"item {i}"

    def encode_response(self, output):  # type: ignore # with an annotation, litserve makes a schema of it and fails
        for item in output:
            yield f'data: "{item}"\n\n'


if __name__ == "__main__":
    model, workers, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    api = {
        "echo": lambda: Echo(),
        "echo_async": lambda: EchoAsync(enable_async=True),
        "file": lambda: File(),
        "items": lambda: Items(stream=True),
    }[model]()
    server = LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.run(host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="error")
