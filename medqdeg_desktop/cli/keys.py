"""``medqdeg keys``: keys of servers in the system's keyring. A key is typed without echo or piped in, never an argument."""

from __future__ import annotations

import json
import sys

import click

_WHERE = "WHERE"


@click.group("keys")
def keys_group() -> None:
    """Keep, list, test and delete the keys of servers in the system's keyring; no key is ever shown.

    Example: medqdeg keys set openai
    """


# A key given as an argument lands here; it is refused without being repeated.
@keys_group.command("set", context_settings={"allow_extra_args": True})
@click.argument("where", metavar=_WHERE)
@click.pass_context
def set_command(context: click.Context, where: str) -> None:
    """Put the key of WHERE into the system's keyring, in the place of one that stands there.

    WHERE is openai, anthropic, a host, HOST:PORT or an address. The key is asked for without echo, or read from standard input.

    Example: medqdeg keys set openai
    """
    from medqdeg_desktop.eval.keys import key_name, store_key

    if context.args:
        raise click.UsageError("a key is never an argument, as the shell remembers it: it is asked for, or piped in")
    name = key_name(where)
    if sys.stdin is not None and sys.stdin.isatty():
        key = str(click.prompt(f"Key of {name}", hide_input=True, err=True))
    else:
        key = sys.stdin.readline() if sys.stdin is not None else ""
    state = store_key(name, key)
    click.echo(f"the key of {state.name} is stored in {state.keyring}")
    if state.where == "environment":
        click.echo(f"but the variable {state.variable} is set and goes before it", err=True)


@keys_group.command("list")
@click.argument("where", metavar=f"[{_WHERE}]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def list_command(where: tuple[str, ...], as_json: bool) -> None:
    """Say for which servers a key is known, and whether it stands in the keyring or in the environment; never the key.

    Without WHERE: the two vendors, and what was stored with `medqdeg keys set` or in the window.

    Example: medqdeg keys list
    """
    from medqdeg_desktop.eval.keys import VENDORS, key_name, state_of, stored_names, variables_set

    names = dict.fromkeys(key_name(one) for one in where or (*VENDORS, *stored_names()))
    states = [state_of(name) for name in names]
    if as_json:
        click.echo(json.dumps({"keys": [state.told() for state in states], "variables": variables_set()}))
        return
    for state in states:
        places = {
            "environment": f"in the variable {state.variable}",
            "keyring": f"in {state.keyring}",
            "not needed": "none, and none is needed on this machine",
        }
        click.echo(f"{state.name:<26}  {places.get(state.where, f'none (keyring, or the variable {state.variable})')}")
    if trouble := next((state.trouble for state in states if state.trouble), ""):
        click.echo(f"keyring: {trouble}", err=True)


@keys_group.command("test")
@click.argument("where", metavar=_WHERE)
@click.option("--allow-plain-http", multiple=True, metavar="HOST", help="Speak to this host without encryption.")
def test_command(where: str, allow_plain_http: tuple[str, ...]) -> None:
    """Ask the server at WHERE for its list of models with the key that is kept for it; no image and no question is sent.

    WHERE is openai, anthropic or an address. Exit 1 where the key is not accepted.

    Example: medqdeg keys test https://models.example/v1
    """
    from medqdeg_desktop.eval.key_check import check_key

    click.echo(check_key(where, allow_plain_http))


@keys_group.command("delete")
@click.argument("where", metavar=_WHERE)
def delete_command(where: str) -> None:
    """Take the key of WHERE out of the system's keyring.

    Example: medqdeg keys delete openai
    """
    from medqdeg_desktop.eval.keys import delete_key

    state = delete_key(where)
    click.echo(f"the key of {state.name} is deleted")
    if state.where == "environment":
        click.echo(f"but the variable {state.variable} still holds one", err=True)


COMMANDS: dict[str, click.Command] = {"keys": keys_group}
