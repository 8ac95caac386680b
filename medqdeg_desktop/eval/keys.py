"""Keys of servers: looked up in the environment, then in the system's keyring, where they are also kept and deleted.

A key belongs to a host, or to one port of it where the server has a port of its own. The vendors' own variables are used for
the vendors' own hosts alone, so that a key can not travel to a server that merely speaks the same protocol. A keyring cannot be
listed: the names of the hosts (never a key) whose keys were stored here stand in ``keys.json`` in the user's data folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import platformdirs

from medqdeg_desktop.engine.atomic import write_bytes
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.egress import is_loopback

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE: Final = "medqdeg_desktop"
#: Sent to servers on this machine, which need none but sometimes insist on a header.
LOOPBACK_KEY: Final = "none"
#: What a person may write for the address of a vendor.
VENDORS: Final = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
_VENDOR_VARIABLES: Final = {"api.openai.com": "OPENAI_API_KEY", "api.anthropic.com": "ANTHROPIC_API_KEY"}
_OWN_VARIABLE: Final = "MEDQDEG_KEY_"
#: How the vendors' keys begin: one of these is never the name of a host.
_LOOKS_LIKE_A_KEY: Final = ("sk-", "sk_", "bearer")
_LONGEST: Final = 4096
#: A shorter text is as likely a word of the server's as it is the key.
_LEAST_TO_BLOT_OUT: Final = 6

T = TypeVar("T")


class KeyMissingError(MedqdegError):
    """A server outside this machine for which no key is known."""


class KeyringRefusedError(MedqdegError):
    """The keyring of this machine is not there, is locked, or does not do what it was asked."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """Where the key of ``name`` is, without the key: ``where`` is "environment", "keyring", "not needed" (this machine) or "".

    variable   the environment variable that goes before the keyring.
    keyring    the keyring's own name; "" where this machine has none that can be used.
    trouble    why the keyring could not be asked, in one line, or "".
    """

    name: str
    where: str
    variable: str
    keyring: str
    trouble: str

    def told(self) -> dict[str, str]:
        return asdict(self)


# -- whose key ---------------------------------------------------------------------------------------------------------


def key_name(where: str) -> str:
    """What a key is filed under, for ``openai``, ``anthropic``, a host, HOST:PORT or an address: the host, with its port where
    that is not the usual one of its scheme (https where none is written). Raises MedqdegError for anything else, without
    repeating it."""
    text = where.strip()
    text = VENDORS.get(text.casefold(), text)
    if text.count(":") > 1 and "[" not in text and "//" not in text:
        text = f"[{text}]"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if host.startswith(_LOOKS_LIKE_A_KEY) and "." not in host:
        raise MedqdegError("that looks like a key, not like a host: name the host; the key itself is asked for")
    if not host or parts.username or parts.password or not all(c.isalnum() or c in "-._:" for c in host):
        raise MedqdegError(
            "that is no host and no address of a server: write openai, anthropic, HOST, HOST:PORT or https://HOST/v1"
        )
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443, "": 443}.get(parts.scheme)
    return shown if port in (None, usual) else f"{shown}:{port}"


def _names(where: str) -> tuple[str, ...]:
    """Names under which a key that may go to ``where`` can stand: its own port's first, then the whole host's."""
    own = key_name(where)
    return tuple(dict.fromkeys((own, _host(own))))


def _host(name: str) -> str:
    """The host of a name, an IPv6 address in its brackets."""
    return name if name.endswith("]") or ":" not in name else name.rpartition(":")[0]


def key_variable(where: str) -> str:
    """The environment variable that holds the key of ``where``."""
    name = key_name(where)
    return _VENDOR_VARIABLES.get(name, _OWN_VARIABLE + "".join(c if c.isalnum() else "_" for c in name.upper()))


# -- looking it up -----------------------------------------------------------------------------------------------------


def key_for(where: str) -> str:
    """The key of a host or address; raises KeyMissingError naming the ways to provide it."""
    name = key_name(where)
    for known in _names(where):
        if key := os.environ.get(key_variable(known), ""):
            return checked(key, known)
    here, trouble = is_loopback(_host(name).strip("[]")), ""
    stored = stored_names()
    for known in _names(where):
        # A server on this machine needs none: its keyring is only opened for what was stored on purpose.
        if here and known not in stored:
            continue
        try:
            if key := _from_keyring(known):
                return checked(key, known)
        except KeyringRefusedError as error:
            trouble = trouble or str(error)
    if here and not trouble:
        return LOOPBACK_KEY
    way = f"store it with `medqdeg keys set {name}`, or set the variable {key_variable(name)}"
    raise KeyMissingError(f"no key for {name}: {trouble}; {_instead(name)}" if trouble else f"no key for {name}: {way}")


def state_of(where: str) -> KeyState:
    """Where the key of a host or address is."""
    name, stored = key_name(where), stored_names()
    variable = next((key_variable(k) for k in _names(where) if os.environ.get(key_variable(k))), "")
    here = is_loopback(_host(name).strip("[]"))
    where_, trouble, ring = ("environment" if variable else ""), "", ""
    try:
        ring = _ring().name
        found = [k for k in _names(where) if (not here or k in stored) and _from_keyring(k)]
        where_ = where_ or ("keyring" if found else "")
    except KeyringRefusedError as error:
        trouble = str(error)
    return KeyState(name, where_ or ("not needed" if here else ""), variable or key_variable(name), ring, trouble)


def checked(key: str, name: str) -> str:
    """``key`` without white space around it. Raises MedqdegError, without the key, for what no header can carry."""
    bare = key.strip()
    if not bare:
        raise MedqdegError(f"the key of {name} is empty")
    if len(bare) > _LONGEST or not all("!" <= c <= "~" for c in bare):
        raise MedqdegError(
            f"the key of {name} has a space, a line break or a letter that no key has (or over {_LONGEST:,} signs); copy it again"
        )
    return bare


def without_key(text: str, key: str) -> str:
    """``text`` of a server with ``key`` blotted out: some servers repeat what they were sent in their refusal."""
    if key == LOOPBACK_KEY or len(key) < _LEAST_TO_BLOT_OUT:
        return text
    # JSON may write a slash with a backslash before it.
    return text.replace(key, "[key]").replace(key.replace("/", "\\/"), "[key]")


# -- keeping it --------------------------------------------------------------------------------------------------------


def store_key(where: str, key: str) -> KeyState:
    """Puts ``key`` into the keyring, in the place of one that stands there, and reads it back. Raises MedqdegError."""
    name = key_name(where)
    kept = checked(key, name)
    known = name in stored_names()
    try:
        ring = _ring()
        _remember(name, stored=True)
        _asked(lambda: ring.set_password(SERVICE, name, kept), kept)
        if _from_keyring(name) != kept:
            raise KeyringRefusedError(f"{ring.name} took the key and does not give it back")
    except KeyringRefusedError as error:
        _remember(name, stored=known)
        raise KeyringRefusedError(f"the key of {name} was not stored: {error}; {_instead(name)}") from None
    return state_of(name)


def delete_key(where: str) -> KeyState:
    """Takes the key of ``where`` out of the keyring. Raises MedqdegError where there is none."""
    name, ring = key_name(where), _ring()
    if not _from_keyring(name):
        _remember(name, stored=False)
        raise MedqdegError(f"{ring.name} has no key of {name}")
    _asked(lambda: ring.delete_password(SERVICE, name))
    if _from_keyring(name):
        raise KeyringRefusedError(f"{ring.name} still has the key of {name} after it was told to delete it")
    _remember(name, stored=False)
    return state_of(name)


def stored_names() -> tuple[str, ...]:
    """Names whose keys were stored with ``store_key``, in order; what cannot be read counts as none."""
    try:
        read = json.loads(_names_file().read_text("utf-8"))
        return tuple(sorted(str(name) for name in read["names"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def variables_set() -> tuple[str, ...]:
    """Environment variables that hold a key at present."""
    own = (name for name in os.environ if name.startswith(_OWN_VARIABLE))
    return tuple(sorted(name for name in (*own, *_VENDOR_VARIABLES.values()) if os.environ.get(name)))


def _names_file() -> Path:
    return Path(platformdirs.user_data_dir("medqdeg", appauthor=False)) / "keys.json"


def _remember(name: str, *, stored: bool) -> None:
    names = set(stored_names())
    wanted = names | {name} if stored else names - {name}
    if wanted == names:
        return
    path = _names_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps({"names": sorted(wanted)}, indent=1).encode())


# -- the keyring -------------------------------------------------------------------------------------------------------


def _instead(name: str) -> str:
    return f"set the variable {key_variable(name)} instead, which serves for one session"


def _ring() -> KeyringBackend:
    """The keyring of this machine. Raises KeyringRefusedError where there is none that keeps anything."""
    try:
        import keyring
        from keyring.backends import chainer, fail, null
    except ImportError:
        raise KeyringRefusedError(
            "keys are kept by the extra 'api': pip install 'medqdeg-desktop[api]', or use an environment variable"
        ) from None
    ring: Any = _asked(keyring.get_keyring)
    if isinstance(ring, null.Keyring):
        raise KeyringRefusedError("the keyring of this machine is switched off (PYTHON_KEYRING_BACKEND or keyringrc.cfg)")
    if isinstance(ring, fail.Keyring) or (isinstance(ring, chainer.ChainerBackend) and not list(ring.backends)):
        raise KeyringRefusedError("this machine has no keyring (no desktop session, or no Secret Service is running)")
    return ring


def keyring_told() -> str:
    """The keyring of this machine in a few words, without opening it."""
    try:
        return _ring().name
    except KeyringRefusedError as error:
        return f"{error}; keys of servers come from environment variables"


def _from_keyring(name: str) -> str:
    ring = _ring()
    return _asked(lambda: ring.get_password(SERVICE, name)) or ""


def _asked(call: Callable[[], T], key: str = "") -> T:
    """What ``call`` gives; its errors become one line that never holds ``key``."""
    from keyring.errors import KeyringLocked, NoKeyringError

    try:
        return call()
    except NoKeyringError:
        raise KeyringRefusedError("this machine has no keyring (no desktop session, or no Secret Service is running)") from None
    except KeyringLocked:
        raise KeyringRefusedError("the keyring is locked: unlock it and try again") from None
    # Backends raise what their system gives them: D-Bus errors, those of Windows and of macOS, each a class of its own.
    except Exception as error:
        said = " ".join(without_key(str(error), key).split())[:200]
        what = f"the keyring refuses ({type(error).__name__}{f': {said}' if said else ''})"
        raise KeyringRefusedError(what) from None
