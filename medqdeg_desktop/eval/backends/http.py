"""Asking a server over HTTP: one POST, and what its failures mean.

Requests carry the PNG bytes as they are. Redirects are not followed and no proxy is used for plain HTTP or for this
machine, because either would take the images to a host that nobody named.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import httpx

from medqdeg_desktop.eval import pacing
from medqdeg_desktop.eval.backends.base import FatalError, PermanentError, Request, TransientError
from medqdeg_desktop.eval.costs import Meter
from medqdeg_desktop.eval.egress import TransferLog, is_loopback
from medqdeg_desktop.eval.keys import key_for, without_key
from medqdeg_desktop.eval.questions import QuestionImage

#: Seconds that one call may take from its first byte to its last.
_LONGEST_CALL = 900.0
_TIMEOUT = httpx.Timeout(300.0, connect=15.0)
_MODERATION = ("content_filter", "content_policy", "content management policy", "safety system", "moderation")
_SPENT = ("insufficient_quota", "billing", "credit balance")


@dataclass(frozen=True, slots=True)
class ServerReply:
    """The JSON object a server sent, and how long it took in seconds."""

    body: dict[str, Any]
    seconds: float


class Moderated(Exception):  # noqa: N818 - an outcome that is recorded, not an error of the program
    """The server declined to answer this question on grounds of its content."""


class Servers:
    """One or several base addresses of the same model, used in turn; ``log`` records what leaves this machine, ``meter`` what it
    costs."""

    def __init__(
        self,
        base_urls: Sequence[str],
        log: TransferLog | None,
        timeout: httpx.Timeout = _TIMEOUT,
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter or Meter(None)
        self._hosts = {url: (urlsplit(url).hostname or "") for url in base_urls}
        self._keys = {url: key_for(url) for url in base_urls}
        self._log = log
        self._clients = {url: _client(url, host, timeout) for url, host in self._hosts.items()}
        self._turn = cycle(base_urls)

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        headers: Any,
        request: Request,
        trials: Sequence[int],
    ) -> ServerReply:
        """Sends ``body``; ``headers`` maps a key to the headers that carry it.

        Raises TransientError, PermanentError, FatalError (LimitReached before it costs too much), or Moderated.
        """
        url = next(self._turn)
        host = self._hosts[url]
        if self._log is not None and not is_loopback(host):
            self._log.sending(host, request, trials)
        longest = int(body.get("max_tokens") or body.get("max_completion_tokens") or 1)
        reserved = await self._meter.reserve(request, len(trials), longest)
        began = time.monotonic()
        try:
            # The client's own time-outs begin anew with every byte: a server that drips would hold a call for ever.
            async with asyncio.timeout(_LONGEST_CALL):
                response = await self._clients[url].post(f"{url}{path}", json=body, headers=headers(self._keys[url]))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._meter.release(reserved)
            raise TransientError(f"{host}: {error or type(error).__name__}", kind="connection") from None
        except (httpx.TimeoutException, TimeoutError):
            self._meter.lost(reserved)
            raise TransientError(f"{host}: no answer in time", kind="timeout") from None
        except httpx.TransportError as error:
            self._meter.lost(reserved)
            raise TransientError(f"{host}: {error or type(error).__name__}", kind="connection") from None
        if response.status_code != 200:
            self._meter.release(reserved)
            raise _failure(host, response, self._keys[url])
        try:
            content = json.loads(without_key(response.text, self._keys[url]))
        except ValueError:
            content = None
        if not isinstance(content, dict):
            self._meter.lost(reserved)
            raise TransientError(f"{host}: the reply is no JSON object", kind="malformed")
        self._meter.settle(reserved, request, content)
        return ServerReply(content, time.monotonic() - began)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


def data_url(image: QuestionImage) -> str:
    return f"data:image/png;base64,{base64_png(image)}"


def base64_png(image: QuestionImage) -> str:
    """The file's own bytes, unchanged, as base64."""
    return base64.b64encode(image.read()).decode("ascii")


def _client(url: str, host: str, timeout: httpx.Timeout) -> httpx.AsyncClient:
    through_proxy = urlsplit(url).scheme == "https" and not is_loopback(host)
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=64)
    return httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=through_proxy, follow_redirects=False)


def _failure(host: str, response: httpx.Response, key: str) -> Exception:
    """What a status other than 200 means for this request and for the run; its words never hold ``key``."""
    status, said = response.status_code, _said(response, key)
    reason = f"{host}: HTTP {status} {said}".rstrip()
    plain = response.text[:4000].casefold()
    if status in {400, 403, 422} and any(mark in plain for mark in _MODERATION):
        return Moderated(said)
    if status in {401, 402, 403, 404} or (status == 429 and any(mark in plain for mark in _SPENT)):
        return FatalError(reason)
    if status in {408, 409, 425, 429} or status >= 500:
        wish = _retry_after(response)
        if wish is not None and wish > pacing.LONGEST_RETRY_AFTER:
            return FatalError(f"{host} asks to come back in {wish:.0f} s; run the same command again then")
        kind = "rate limit" if status == 429 else f"HTTP {status}"
        return TransientError(reason, kind=kind, retry_after=wish, congested=status in {429, 503, 529})
    if 300 <= status < 400:
        where = without_key(response.headers.get("location", "elsewhere"), key)
        return FatalError(f"{host} redirects to {where}; name that address itself")
    return PermanentError(reason, kind=f"HTTP {status}")


def _said(response: httpx.Response, key: str) -> str:
    """The server's own words in one line, for the message, without ``key``."""
    try:
        body = response.json()
    except ValueError:
        body = response.text
    if isinstance(body, dict):
        error = body.get("error", body.get("detail", body.get("message", "")))
        body = error.get("message", error) if isinstance(error, dict) else error
    return without_key(" ".join(str(body).split()), key)[:300]


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of the Retry-After header, given as a number or as a date."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
