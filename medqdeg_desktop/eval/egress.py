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
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqdeg_desktop.errors import MedqdegError

if TYPE_CHECKING:
    from medqdeg_desktop.eval.backends.base import Request
    from medqdeg_desktop.eval.questions import Question
    from medqdeg_desktop.study.records import Item


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


def sendable_items(items: Iterable[Item]) -> dict[str, str]:
    """Item ids that may leave this machine (public, or cleared by a person) with the wording that this was said of."""
    return {item.item_id: _wording(item.question, item.options) for item in items if item.public or item.cleared_by}


def kept_back(question: Question, sendable: Mapping[str, str]) -> str:
    """Why ``question`` may not leave this machine, or "" where it may. ``sendable`` is that of ``sendable_items``.

    A clearance is for a question as it stands in the study: a dataset that was made from another wording, or that does not
    record what its pictures are, is not covered by it.
    """
    if question.item_id not in sendable:
        return "it is neither public nor cleared by a person (`medqdeg bank clear STUDY --items FILE --by NAME`)"
    if sendable[question.item_id] != _wording(question.text, question.options):
        return "the dataset asks it in other words than the study that cleared it; generate the set again"
    if not all(image.sha256 for image in question.images):
        return "the dataset does not record the hash of its picture"
    return ""


def check_items(questions: Iterable[Question], sendable: Mapping[str, str], hosts: tuple[str, ...]) -> None:
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
