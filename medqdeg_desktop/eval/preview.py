"""What an evaluation would do, before it does it: how much is asked, where data would go, what stands in the way, who answers.

A server is only spoken to if data may go there: it is asked which models it has and, for exact mode, whether it gives log
probabilities, with a sentence that says nothing about anybody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.base import Mode
from medqdeg_desktop.eval.backends.opening import require_clients
from medqdeg_desktop.eval.costs import forecast, price_of
from medqdeg_desktop.eval.egress import in_the_clear, is_loopback, kept_back, remote_hosts, sendable_items
from medqdeg_desktop.eval.keys import key_for
from medqdeg_desktop.eval.plan import EvaluateOptions, Work, settings_asked
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.spec import ModelSpec
from medqdeg_desktop.study.store import Study

_TIMEOUT_SECONDS = 10.0
_PROBE_SECONDS = 120.0
#: Tokens of a reply that does what it was asked: a letter with a word around it, two lines, one letter.
_REPLY_TOKENS: Final[dict[Mode, int]] = {"vote": 5, "verbal": 16, "option": 1}


def preview(dataset_dir: Path | str, study_path: Path | str, spec: ModelSpec, options: EvaluateOptions) -> dict[str, Any]:
    """``{"model", "questions", "answers", "answered", "images_bytes", "remote_hosts", "not_allowed", "not_cleared",
    "first_not_cleared", "in_the_clear", "problem", "servers", "cost"}``.

    answered           answers that stand already for the same model, mode, T and dataset, asked in the same way.
    not_allowed        remote hosts that ``--allow-host`` does not name; nothing was sent there.
    not_cleared        questions whose item is neither public nor cleared (0 where nothing leaves this machine).
    in_the_clear       remote hosts over plain http that ``--allow-plain-http`` does not name.
    problem            one line of what would stop the run at once; "" for none.
    cost               tokens and price expected of all of it, and at most; None where no price is known.
    servers            for ``openai``, each address with ``alive``, ``reason``, ``models``, ``serves`` and ``logprobs`` (or None).
    """
    dataset = Dataset.open(dataset_dir)
    remote = remote_hosts(spec.hosts)
    allowed = {name.casefold() for name in options.allow_hosts}
    plain = {name.casefold() for name in options.allow_plain_http}
    clear = [host for host in in_the_clear(spec.base_urls) if host.casefold() not in plain]
    not_allowed = [host for host in remote if host.casefold() not in allowed]
    with Study.open(study_path, read_only=True) as study:
        sendable = sendable_items(study) if remote else {}
        answered = sum(
            len(study.answered_keys(run.run_id))
            for run in study.runs()
            if (run.model, run.mode, run.trials, run.dataset_sha256)
            == (spec.stable_name, options.mode, options.trial_count, dataset.sha256)
            and settings_asked(options).items() <= run.settings.items()
        )
    asked = answers = size = withheld = 0
    first = ""
    for question in questions(dataset, options.limit):
        asked += 1
        answers += options.passes(question)
        if remote:
            size += sum(image.path.stat().st_size for image in question.images)
            if kept_back(question, sendable):
                withheld += 1
                first = first or question.item_id
    cost = _cost(dataset, spec, options)
    servers, problem = [], ""
    if spec.kind in ("openai", "anthropic"):
        try:
            require_clients(spec)
            keys = [key_for(url) for url in spec.base_urls]
        except MedqdegError as error:
            problem = str(error)
        else:
            if spec.kind == "openai" and not not_allowed and not clear:
                exact = options.mode == "option"
                servers = [_server(url, spec, key, exact) for url, key in zip(spec.base_urls, keys, strict=True)]
                problem = next((server["reason"] for server in servers if server["reason"]), "")
    return {
        "model": spec.label,
        "questions": asked,
        "answers": answers,
        "answered": min(answered, answers),
        "images_bytes": size,
        "remote_hosts": list(remote),
        "not_allowed": not_allowed,
        "not_cleared": withheld,
        "first_not_cleared": first,
        "in_the_clear": clear,
        "problem": problem,
        "servers": servers,
        "cost": cost,
    }


def _cost(dataset: Dataset, spec: ModelSpec, options: EvaluateOptions) -> dict[str, Any] | None:
    price = price_of(spec, options.price)
    if price is None:
        return None
    requests = (asked.request for asked in Work(options).missing(questions(dataset, options.limit)))
    longest = 1 if options.mode == "option" else options.max_tokens
    expected = min(longest, _REPLY_TOKENS[options.mode])
    found = forecast(price, requests, reply_tokens=expected, longest=longest, shares_prompt=spec.kind != "anthropic")
    exceeds = options.max_cost is not None and found.cost > options.max_cost
    return {**found.told(), "limit": options.max_cost, "exceeds_limit": exceeds}


def _server(url: str, spec: ModelSpec, key: str, exact: bool) -> dict[str, Any]:
    import httpx

    told: dict[str, Any] = {"url": url, "alive": False, "reason": "", "models": [], "serves": None, "logprobs": None}
    host = httpx.URL(url).host
    headers = {"Authorization": f"Bearer {key}"}
    proxied = url.startswith("https") and not is_loopback(host)
    with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=proxied, follow_redirects=False, headers=headers) as client:
        try:
            reply = client.get(f"{url}/models")
        except httpx.TimeoutException:
            return told | {"reason": f"{url}: no answer within {_TIMEOUT_SECONDS:.0f} s"}
        except httpx.TransportError as error:
            return told | {"reason": f"{url}: {error}; is the server running?"}
        told["alive"] = True
        if reply.status_code in (401, 403):
            return told | {"reason": f"{url}: HTTP {reply.status_code}, the key is not accepted"}
        told["models"] = _names(reply) if reply.status_code == 200 else []
        if told["models"]:
            told["serves"] = spec.name in told["models"]
            if not told["serves"]:
                return told | {"reason": f"{url}: has no model {spec.name!r}; it has {', '.join(told['models'][:6])}"}
        if exact:
            told |= _logprobs(client, url, spec.name)
    return told


def _logprobs(client: Any, url: str, model: str) -> dict[str, Any]:
    import httpx

    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Answer with the letter A."}],
        "max_tokens": 1,
        "logprobs": True,
        "top_logprobs": 5,
    }
    try:
        reply = client.post(f"{url}/chat/completions", json=body, timeout=_PROBE_SECONDS)
        listed = reply.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"] if reply.status_code == 200 else []
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError):
        listed = []
    if listed:
        return {"logprobs": True}
    return {
        "logprobs": False,
        "reason": f"{url}: {model} gives no log probabilities, so exact mode cannot be used; use paper mode",
    }


def _names(reply: Any) -> list[str]:
    try:
        return [str(entry["id"]) for entry in reply.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return []
