"""Speaks TLS from the event loop, for which the harness has kept asyncio from loading it."""

import asyncio
import sys
from typing import List
from urllib.parse import urlsplit

from cog import BasePredictor


class Predictor(BasePredictor):
    async def predict(self, url: str = "", ca: str = "") -> List[str]:
        before = sorted({"ssl", "_ssl", "asyncio.sslproto"} & set(sys.modules))
        if not url:
            return before
        import ssl

        parts = urlsplit(url)
        trust = ssl.create_default_context(cadata=ca)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=trust)
        writer.write(b"GET / HTTP/1.0\r\nHost: " + parts.netloc.encode() + b"\r\n\r\n")
        answer = await reader.read()
        writer.close()
        refused = ""
        try:
            await asyncio.open_connection(parts.hostname, parts.port, ssl=ssl.create_default_context())
        except ssl.SSLCertVerificationError as error:
            refused = type(error).__name__
        return [answer.decode().splitlines()[-1], refused, str(asyncio.sslproto.SSLProtocol.__module__)]
