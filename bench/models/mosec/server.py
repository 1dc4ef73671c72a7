"""One model at a time: BENCH_MODEL, in BENCH_WORKERS processes."""

import base64
import os
import tempfile
from typing import Any, Dict

from mosec import Server, SSEWorker, Worker


class Echo(Worker):
    def forward(self, data: Dict[str, Any]) -> Dict[str, Any]:
        return {"output": data["input"]["s"], "status": "succeeded"}


class File(Worker):
    def forward(self, data: Dict[str, Any]) -> Dict[str, Any]:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(range(256)) * (data["input"]["n"] // 256))
            file.seek(0)
            content = base64.b64encode(file.read()).decode()
        return {"output": "data:application/octet-stream;base64," + content, "status": "succeeded"}


class Items(SSEWorker):
    def forward(self, data: Dict[str, Any]) -> Dict[str, Any]:
        for i in range(data["input"]["n"]):
            self.send_stream_event(f"item {i}")
        return data


MODELS = {"echo": Echo, "file": File, "items": Items}

if __name__ == "__main__":
    server = Server()
    server.append_worker(MODELS[os.environ["BENCH_MODEL"]], num=int(os.environ["BENCH_WORKERS"]))
    server.run()
