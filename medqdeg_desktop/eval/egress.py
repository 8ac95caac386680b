"""Where data may go (design 7): this machine always, any other host only by name and only with items cleared for it.

Loopback is ``localhost``, 127.0.0.0/8 and ::1; another name that happens to resolve there does not count, because what it
resolves to is decided elsewhere. What is sent to another host is written to a log, line by line and on disk, before it goes;
the log lies beside the study file.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medqdeg_desktop.errors import MedqdegError

if TYPE_CHECKING:
    from medqdeg_desktop.eval.backends.base import Request
    from medqdeg_desktop.eval.questions import Question
    from medqdeg_desktop.study.store import Study


class EgressError(MedqdegError):
    """Data would leave this machine without permission."""


def is_loopback(host: str) -> bool:
    """Whether ``host`` (no port) is this machine itself."""
    if host.casefold() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def in_the_clear(urls: Iterable[str]) -> tuple[str, ...]:
    """Hosts among ``urls`` that would be spoken to over plain http through a network that is not the site's own: whoever is on
    the way reads pictures and key. This machine and private addresses (RFC 1918, fc00::/7, link-local) do not count."""
    found = []
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname and not _is_private(parts.hostname):
            found.append(parts.hostname)
    return tuple(dict.fromkeys(found))


def _is_private(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        # A name may mean anything: only an address says where it lies.
        return False
    # An older Python calls every IPv4 address in the clothes of IPv6 a private one.
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_private or address.is_link_local


def check_transport(urls: Iterable[str], allowed: Collection[str]) -> None:
    """Raises EgressError for the first host that would be spoken to in the clear and that ``allowed`` (``--allow-plain-http``)
    does not name."""
    names = {name.casefold() for name in allowed}
    for host in in_the_clear(urls):
        if host.casefold() not in names:
            raise EgressError(
                f"http://{host} is not encrypted: everybody on the way could read the pictures and the key. Use https, or say "
                f"`--allow-plain-http {host}` if the way there is the site's own"
            )


def remote_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Those of ``hosts`` that are not this machine."""
    return tuple(host for host in hosts if not is_loopback(host))


def check_hosts(hosts: Iterable[str], allowed: Collection[str]) -> tuple[str, ...]:
    """The remote hosts; raises EgressError for the first that ``allowed`` (``--allow-host``) does not name."""
    names = {name.casefold() for name in allowed}
    remote = remote_hosts(hosts)
    for host in remote:
        if host.casefold() not in names:
            raise EgressError(
                f"{host} is not this machine: nothing is sent there unless you say `--allow-host {host}` "
                "and every item is public or cleared (`medqdeg bank clear`)"
            )
    return remote


@dataclass(frozen=True, slots=True)
class Permission:
    """What may leave of an item: its wording, and the source pictures (hashes of their pixels) that a person cleared; None where
    the licence of its source makes it public."""

    wording: str
    pictures: frozenset[str] | None


def sendable_items(study: Study) -> dict[str, Permission]:
    """Item ids that may leave this machine (public, or cleared by a person) with what exactly this was said of."""
    cleared = study.cleared_pictures()
    return {
        item.item_id: Permission(_wording(item.question, item.options), None if item.public else cleared.get(item.item_id))
        for item in study.items()
        if item.public or item.item_id in cleared
    }


def kept_back(question: Question, sendable: Mapping[str, Permission]) -> str:
    """Why ``question`` may not leave this machine, or "" where it may. ``sendable`` is that of ``sendable_items``.

    A clearance is for a question as it stands in the study, with the pictures that it showed then: a dataset that was made from
    another wording or another picture, or that does not record what its pictures are, is not covered by it.
    """
    if question.item_id not in sendable:
        return "it is neither public nor cleared by a person (`medqdeg bank clear STUDY --items FILE --by NAME`)"
    allowed = sendable[question.item_id]
    if allowed.wording != _wording(question.text, question.options):
        return "the dataset asks it in other words than the study that cleared it; generate the set again"
    if not all(image.sha256 for image in question.images):
        return "the dataset does not record the hash of its picture"
    if allowed.pictures is not None and not all(image.source_sha256 in allowed.pictures for image in question.images):
        return "its picture is not the one that was cleared; clear it again (`medqdeg bank clear STUDY --items FILE --by NAME`)"
    return ""


def check_items(questions: Iterable[Question], sendable: Mapping[str, Permission], hosts: tuple[str, ...]) -> None:
    """Raises EgressError naming the first question that may not go to ``hosts`` and why."""
    for question in questions:
        reason = kept_back(question, sendable)
        if reason:
            raise EgressError(f"item {question.item_id} may not go to {hosts[0]}: {reason}")


def _wording(text: str, options: Mapping[str, str]) -> str:
    return json.dumps([text, list(options.values())], ensure_ascii=False)


class TransferLog:
    """A line of JSON for each request that leaves this machine, on disk before the request goes."""

    def __init__(self, study_path: Path, run_id: str = "") -> None:
        self.path = study_path.with_name(f"{study_path.stem}.sent.jsonl")
        self.run_id = run_id
        self._file = self.path.open("a", encoding="utf-8")

    def sending(self, host: str, request: Request, trials: Iterable[int]) -> None:
        """Records that ``request`` goes to ``host`` for ``trials``. OSError stops the request: not logged is not sent."""
        images = request.question.images if request.with_images else ()
        line: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run": self.run_id,
            "host": host,
            "item": request.question.item_id,
            "file_name": request.question.key,
            "trials": list(trials),
            "sha256": [image.sha256 for image in images],
            "size": [[image.width, image.height] for image in images],
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
