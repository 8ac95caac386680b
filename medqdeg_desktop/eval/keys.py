"""Where a server's key comes from: the environment, else the system's keyring. It is never written anywhere.

A key belongs to a host. The vendors' own variables are used for the vendors' own hosts alone, so that a key can not
travel to a server that merely speaks the same protocol.
"""

from __future__ import annotations

import os

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.egress import is_loopback

SERVICE = "medqdeg_desktop"
#: Sent to servers on this machine, which need none but sometimes insist on a header.
LOOPBACK_KEY = "none"
_VENDOR_VARIABLES = {"api.openai.com": "OPENAI_API_KEY", "api.anthropic.com": "ANTHROPIC_API_KEY"}


class KeyMissingError(MedqdegError):
    """A server outside this machine for which no key is known."""


def key_variable(host: str) -> str:
    """The environment variable that holds the key of ``host``."""
    plain = "".join(c if c.isalnum() else "_" for c in host.upper())
    return _VENDOR_VARIABLES.get(host, f"MEDQDEG_KEY_{plain}")


def key_for(host: str) -> str:
    """The key of ``host``; raises KeyMissingError naming the ways to provide it."""
    key = os.environ.get(key_variable(host), "")
    if not key and is_loopback(host):
        return LOOPBACK_KEY
    key = key or _from_keyring(host)
    if key:
        return key
    raise KeyMissingError(
        f"no key for {host}: store it with `keyring set {SERVICE} {host}`, or set the variable {key_variable(host)}"
    )


def _from_keyring(host: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, host) or ""
    except (KeyringError, RuntimeError, OSError):
        # A headless machine has no keyring service; the environment variable is its way.
        return ""
