"""A real HTTP server on loopback whose replies, and faults, a test writes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """What to send back. ``cut`` closes the connection in the middle of the body; ``wait`` seconds pass first.

    ``drip`` seconds pass before each byte of the body.
    """

    body: Json | str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    cut: bool = False
    drip: float = 0.0


def chat(*texts: str, finish: str = "stop", **extra: Any) -> Say:
    """A chat completion with one choice for each text."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": finish, **extra}
        for i, text in enumerate(texts)
    ]
    return Say({"choices": choices, "model": "scripted", "usage": {"prompt_tokens": 7, "completion_tokens": len(texts)}})


def error(status: int, message: str, **headers: str) -> Say:
    return Say({"error": {"message": message}}, status, {k.replace("_", "-"): v for k, v in headers.items()})


class ScriptedServer:
    """Calls ``script(body, number)`` for each request (numbered from 0); keeps all bodies in ``seen``."""

    def __init__(self, script: Callable[[Json, int], Say]) -> None:
        self.seen: list[Json] = []
        self.headers: list[dict[str, str]] = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Header and body in one segment: a delayed acknowledgement would cost 40 ms a call.
            disable_nagle_algorithm = True
            wbufsize = 65536

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = len(outer.seen)
                    outer.seen.append(body)
                    outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                say = script(body, number)
                time.sleep(say.wait)
                data = (say.body if isinstance(say.body, str) else json.dumps(say.body)).encode()
                self.send_response(say.status)
                for name, value in {"Content-Type": "application/json", **say.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if say.cut:
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                elif say.drip:
                    for byte in data:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(say.drip)
                else:
                    self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                # A client that was killed or gave up waiting is what the tests are about.
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def asked_for(body: Json) -> str:
    """The question's text in a request."""
    return str(body["messages"][0]["content"][-1]["text"])
