"""What ``--model SPEC`` names: a local folder, a server's model, or a baseline.

``local:FOLDER``, ``openai:MODEL@BASE_URL[,BASE_URL...]``, ``anthropic:MODEL[@BASE_URL]``, ``baseline:uniform``,
``baseline:prior`` (design 9). A specification carries no key: keys come from the system's keyring or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from medqdeg_desktop.errors import MedqdegError

Kind = Literal["local", "openai", "anthropic", "baseline"]

ANTHROPIC_URL = "https://api.anthropic.com"
BASELINES = ("uniform", "prior")


class SpecError(MedqdegError):
    """A model specification that names nothing this program can run."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A parsed specification. ``name`` is the folder, the server's name of the model, or the baseline's name."""

    kind: Kind
    name: str
    base_urls: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The local model's folder; only for ``local``."""
        return Path(self.name)

    @property
    def label(self) -> str:
        """A short name for charts: the folder's own name, or the model's name without its server."""
        if self.kind == "baseline":
            return f"{self.name} baseline"
        return self.folder.resolve().name if self.kind == "local" else self.name

    @property
    def stable_name(self) -> str:
        """Names the model alone, as runs and results do: ``baseline:uniform``, ``local:folder-name``, ``openai:model``.

        Where it is served, or which disk it lies on, is no part of what it answers and may be private.
        """
        return f"{self.kind}:{self.folder.resolve().name if self.kind == 'local' else self.name}"

    @property
    def remembered(self) -> str:
        """The specification as a run keeps it, from any folder: a local model by its absolute path, a server by its address."""
        return f"local:{self.folder.expanduser().resolve()}" if self.kind == "local" else str(self)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that data would go to, in lower case and without port; empty for what runs in this process."""
        return tuple(dict.fromkeys((urlsplit(url).hostname or "") for url in self.base_urls))

    def __str__(self) -> str:
        where = f"@{','.join(self.base_urls)}" if self.base_urls else ""
        return f"{self.kind}:{self.name}{where}"


def parse_spec(text: str) -> ModelSpec:
    """Reads a specification; raises SpecError with the reason and the accepted forms."""
    kind, colon, rest = text.strip().partition(":")
    if not colon or not rest:
        raise SpecError(f"{text!r} is no model: write local:FOLDER, openai:MODEL@URL, anthropic:MODEL or baseline:uniform")
    if kind == "local":
        return ModelSpec("local", rest)
    if kind == "baseline":
        if rest not in BASELINES:
            raise SpecError(f"baseline {rest!r} is unknown; there are {' and '.join(BASELINES)}")
        return ModelSpec("baseline", rest)
    if kind == "openai":
        # A model's name may hold an @ (a revision), a URL's host part seldom does: the URL starts at the last "@http".
        at = rest.rfind("@http")
        if at <= 0:
            raise SpecError(f"{text!r} names no server: write openai:MODEL@http://HOST:PORT/v1")
        return ModelSpec("openai", rest[:at], _urls(rest[at + 1 :]))
    if kind == "anthropic":
        at = rest.rfind("@http")
        name, urls = (rest[:at], _urls(rest[at + 1 :])) if at > 0 else (rest, (ANTHROPIC_URL,))
        return ModelSpec("anthropic", name, urls)
    raise SpecError(f"{kind!r} is no kind of model; there are local, openai, anthropic and baseline")


def _urls(text: str) -> tuple[str, ...]:
    urls = []
    for raw in text.split(","):
        url = raw.strip().rstrip("/")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise SpecError(f"{url!r} is no address: {error}") from None
        if parts.scheme not in {"http", "https"} or not host:
            raise SpecError(f"{url!r} is no address of a server; it begins with http:// or https://")
        if parts.username or parts.password:
            raise SpecError(f"the address of {host} carries a key or a password; keep it in the keyring instead")
        if parts.query or parts.fragment:
            # The paths of the interface are put behind the address; and what stands there is often a key, which a run would keep.
            raise SpecError(f"the address of {host} goes on after a ? or #; write it up to there, and keep a key in the keyring")
        urls.append(url)
    return tuple(urls)
