"""The least that an async Python worker can do: many at a time, each frame with a number in front; writes together."""

import asyncio
import json
import socket
import sys


async def echo(s):
    return s


class Worker(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.got, self.out, self.tasks = transport, bytearray(), [], set()

    def data_received(self, data):
        self.got += data
        while len(self.got) >= 8 and len(self.got) >= (end := 8 + int.from_bytes(self.got[:4], "big")):
            number, body = bytes(self.got[4:8]), json.loads(self.got[8:end])
            del self.got[:end]
            task = asyncio.ensure_future(self.run(number, body))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def run(self, number, request):
        data = json.dumps({"status": "succeeded", "output": await echo(**request["input"])}).encode()
        if not self.out:
            asyncio.get_running_loop().call_soon(self.flush)
        self.out += len(data).to_bytes(4, "big"), number, data

    def flush(self):
        self.transport.write(b"".join(self.out))
        self.out.clear()

    def connection_lost(self, error):
        asyncio.get_running_loop().stop()


async def main():
    sock = socket.socket(fileno=int(sys.argv[1]))
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
    await asyncio.get_running_loop().connect_accepted_socket(Worker, sock)
    await asyncio.Event().wait()


asyncio.run(main())
