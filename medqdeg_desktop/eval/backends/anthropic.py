"""Anthropic's messages: one call a trial, no log probabilities, sampling at the temperature asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medqdeg_desktop.eval.backends.base import Decoding, FatalError, Reply, Request, TransientError, image_facts
from medqdeg_desktop.eval.backends.http import Moderated, Servers, base64_png

API_VERSION = "2023-06-01"


class AnthropicBackend:
    """Answers through ``/v1/messages``. ``top_p`` and ``top_k`` are not sent: their absence is plain sampling."""

    batch_size = 1
    random_weights = False
    length = None

    def __init__(self, model: str, servers: Servers, decoding: Decoding, concurrency: tuple[int, int]) -> None:
        if decoding.mode == "option":
            raise FatalError(f"{model}: this service gives no log probabilities; use --confidence vote or verbal")
        self._model = model
        self._servers = servers
        self._decoding = decoding
        self.concurrency = concurrency

    @property
    def facts(self) -> dict[str, Any]:
        return {"backend": "anthropic", "transport": "PNG bytes"}

    async def prepare(self, sample: Sequence[Request]) -> list[str]:
        return []

    async def answer(self, requests: Sequence[Request]) -> list[list[Reply]]:
        return [[await self._answer(request)] for request in requests]

    async def close(self) -> None:
        await self._servers.close()

    async def _answer(self, request: Request) -> Reply:
        trial = request.trials[0]
        content: list[dict[str, Any]] = []
        if request.with_images:
            for image in request.question.images:
                source = {"type": "base64", "media_type": "image/png", "data": base64_png(image)}
                content.append({"type": "image", "source": source})
        content.append({"type": "text", "text": request.prompt})
        body = {
            "model": self._model,
            "max_tokens": self._decoding.max_tokens,
            "temperature": self._decoding.temperature,
            "messages": [{"role": "user", "content": content}],
        }
        detail = image_facts(request.question) if request.with_images else {}
        try:
            reply = await self._servers.post("/v1/messages", body, _headers, request, [trial])
        except Moderated as moderated:
            return Reply(trial, str(moderated), refused=True, detail=detail | {"moderated": True})
        parts = reply.body.get("content")
        finish = reply.body.get("stop_reason") or ""
        if not isinstance(parts, list) or (not parts and finish != "refusal"):
            raise TransientError("the server sent no content", kind="empty")
        text = "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict) and part.get("type") == "text")
        usage = reply.body.get("usage") or {}
        detail |= {
            "seconds": round(reply.seconds, 3),
            "tokens": [int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0)],
            "finish": finish,
        }
        if finish == "refusal":
            return Reply(trial, text, refused=True, detail=detail | {"moderated": True})
        return Reply(trial, text, detail=detail)


def _headers(key: str) -> dict[str, str]:
    return {"x-api-key": key, "anthropic-version": API_VERSION}
