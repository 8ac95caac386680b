"""Whether a server accepts the key that is kept for it: asked for its list of models, nothing else is sent.

Called only where a person names the server. Redirects are not followed and no proxy is used for this machine or plain http, as
when models are asked.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.opening import require_clients
from medqdeg_desktop.eval.egress import check_transport, is_loopback
from medqdeg_desktop.eval.keys import LOOPBACK_KEY, VENDORS, key_for, key_name, without_key
from medqdeg_desktop.eval.spec import ANTHROPIC_URL, ModelSpec, parse_spec

_TIMEOUT_SECONDS = 15.0


class KeyNotAcceptedError(MedqdegError):
    """The server refuses the key, cannot be reached, or does not say what it makes of the key."""


def check_key(where: str, allow_plain_http: Collection[str] = ()) -> str:
    """One line of what the server at ``where`` (``openai``, ``anthropic`` or an address) makes of its key.

    Raises KeyNotAcceptedError, KeyMissingError, or EgressError for plain http that ``allow_plain_http`` does not name.
    """
    url = VENDORS.get(where.strip().casefold(), where.strip().rstrip("/"))
    spec = _spec(url)
    check_transport(spec.base_urls, allow_plain_http)
    require_clients(spec)
    key, name = key_for(url), key_name(url)
    if key == LOOPBACK_KEY:
        return f"{name} is this machine and no key is stored for it: none is needed"
    status, count = _models(spec, url, key)
    if status in (401, 403):
        raise KeyNotAcceptedError(f"{name}: HTTP {status}, the key is not accepted")
    if status != 200:
        raise KeyNotAcceptedError(f"{name}: HTTP {status} to the question for its models; whether the key is right is not known")
    offered = f", {count:,} models offered" if count is not None else ""
    if _models(spec, url, "")[0] == 200:
        return f"{name} answers, but it answers without a key as well{offered}"
    return f"{name} accepts the key{offered}"


def _spec(url: str) -> ModelSpec:
    """The address as a model's would be read, with what that refuses."""
    if "://" not in url:
        raise MedqdegError("a key is tested at an address: write openai, anthropic or https://HOST/v1")
    return parse_spec(f"{'anthropic' if urlsplit(url).hostname == urlsplit(ANTHROPIC_URL).hostname else 'openai'}:model@{url}")


def _models(spec: ModelSpec, url: str, key: str) -> tuple[int, int | None]:
    """(HTTP status of the list of models, their number where the reply is one); without a key where ``key`` is ""."""
    import httpx

    from medqdeg_desktop.eval.backends import anthropic

    if spec.kind == "anthropic":
        path, headers = "/v1/models", {"anthropic-version": anthropic.API_VERSION} | ({"x-api-key": key} if key else {})
    else:
        path, headers = "/models", {"Authorization": f"Bearer {key}"} if key else {}
    proxied = url.startswith("https") and not is_loopback(urlsplit(url).hostname or "")
    try:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=proxied, follow_redirects=False) as client:
            reply = client.get(f"{url}{path}", headers=headers)
    except httpx.TimeoutException:
        raise KeyNotAcceptedError(f"{key_name(url)}: no answer within {_TIMEOUT_SECONDS:.0f} s") from None
    except httpx.TransportError as error:
        said = without_key(str(error), key) if key else str(error)
        raise KeyNotAcceptedError(f"{key_name(url)}: {said or type(error).__name__}; is the server running?") from None
    try:
        listed = reply.json()["data"]
    except (ValueError, KeyError, TypeError):
        return reply.status_code, None
    return reply.status_code, len(listed) if isinstance(listed, list) else None
