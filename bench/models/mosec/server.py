import os
from typing import Any, Dict

from mosec import Server, Worker


class Echo(Worker):
    def forward(self, data: Dict[str, Any]) -> Dict[str, Any]:
        return {"output": data["input"]["s"], "status": "succeeded"}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Echo, num=int(os.environ.get("BENCH_WORKERS", "1")))
    server.run()
