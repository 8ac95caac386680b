"""A chat-completions server on loopback that answers only to one key, and repeats a wrong one in its refusal as some do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Guarded:
    """``key`` "" lets everybody in; ``shown`` are the keys that came, in order; ``silent`` answers 404 to the list of models."""

    key: str
    url: str = ""
    silent: bool = False
    shown: list[str] = field(default_factory=list)


@contextmanager
def guarded_server(key: str) -> Iterator[Guarded]:
    """The server, with the model ``guarded`` that says B."""
    state = Guarded(key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._let_in():
                self._send(404 if state.silent else 200, {"data": [{"id": "guarded"}]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self._let_in():
                choice = {"message": {"role": "assistant", "content": "B"}, "finish_reason": "stop"}
                self._send(200, {"choices": [choice] * asked.get("n", 1), "usage": {}})

        def _let_in(self) -> bool:
            came = self.headers.get("x-api-key") or (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            state.shown.append(came)
            if state.key and came != state.key:
                self._send(401, {"error": {"message": f"Incorrect API key provided: {came}."}})
                return False
            return True

        def _send(self, status: int, body: dict[str, object]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
