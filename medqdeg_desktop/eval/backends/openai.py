"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, ``transformers serve``, hosted ones.

Servers differ in what they accept. The full request is sent first; a field that a server names as unknown is left out
from then on, and each answer records which were. Trials are asked for by ``n``: the choices that come back are counted and
the missing ones are asked for again, because some servers ignore it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from medqdeg_desktop.eval.backends.base import (
    Decoding,
    FatalError,
    PermanentError,
    Reply,
    Request,
    TransientError,
    image_facts,
    trial_seed,
)
from medqdeg_desktop.eval.backends.http import Moderated, Servers, data_url

TOP_LOGPROBS = 20
#: Fields that can be left out without changing what is asked, in the words servers use to refuse them.
_DROPPABLE = ("top_k", "seed", "n", "top_p")


class OpenAIBackend:
    """Answers through ``/chat/completions``; one request of the runner is one call."""

    batch_size = 1
    random_weights = False
    length = None

    def __init__(self, model: str, servers: Servers, decoding: Decoding, run_seed: str, concurrency: tuple[int, int]) -> None:
        self._model = model
        self._servers = servers
        self._decoding = decoding
        self._run_seed = run_seed
        self._dropped: list[str] = []
        self._tokens_field = "max_tokens"
        self._counts_choices = True
        self._as_configuration = False
        self.concurrency = concurrency

    @property
    def facts(self) -> dict[str, Any]:
        return {"backend": "openai", "transport": "PNG bytes, detail high"}

    async def prepare(self, sample: Sequence[Request]) -> list[str]:
        return []

    async def answer(self, requests: Sequence[Request]) -> list[list[Reply]]:
        return [await self._answer(request) for request in requests]

    async def close(self) -> None:
        await self._servers.close()

    async def _answer(self, request: Request) -> list[Reply]:
        trials = request.trials if self._counts_choices else request.trials[:1]
        while True:
            body = self._body(request, trials)
            try:
                reply = await self._servers.post("/chat/completions", body, _headers, request, trials)
            except Moderated as moderated:
                detail = image_facts(request.question) | {"moderated": True}
                return [Reply(trial, str(moderated), refused=True, detail=detail) for trial in request.trials]
            except PermanentError as error:
                if not self._adapted(str(error), body):
                    raise
                continue
            break
        choices = reply.body.get("choices")
        if not isinstance(choices, list) or not choices:
            said = reply.body.get("error")
            raise TransientError(f"the server sent no choices{f': {said}' if said else ''}", kind="empty")
        if len(choices) < len(trials):
            self._counts_choices = False
        shared = image_facts(request.question) if request.with_images else {}
        shared |= {"seconds": round(reply.seconds, 3), "served_as": reply.body.get("model", "")}
        if self._dropped:
            shared["not_accepted"] = list(self._dropped)
        if self._as_configuration:
            shared["sampling_by"] = "generation_config"
        replies = [self._reply(trial, choice, request, shared) for trial, choice in zip(trials, choices, strict=False)]
        # The call is paid once: its first reply keeps the tokens, so that they can be added up.
        replies[0].detail["tokens"] = _tokens(reply.body)
        return replies

    def _body(self, request: Request, trials: Sequence[int]) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        if request.with_images:
            content += [
                {"type": "image_url", "image_url": {"url": data_url(image), "detail": "high"}}
                for image in request.question.images
            ]
        content.append({"type": "text", "text": request.prompt})
        exact = self._decoding.mode == "option"
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            "temperature": self._decoding.temperature,
            "top_p": self._decoding.top_p,
            # vLLM and SGLang apply a model's own generation configuration unless told otherwise; -1 is all tokens.
            "top_k": -1,
            "seed": trial_seed(self._run_seed, request.question.key, trials[0]) % 2**31,
            self._tokens_field: 1 if exact else self._decoding.max_tokens,
        }
        if exact:
            body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        elif len(trials) > 1:
            body["n"] = len(trials)
        if self._as_configuration and not exact:
            body["generation_config"] = json.dumps(
                {
                    "do_sample": self._decoding.temperature > 0,
                    "temperature": self._decoding.temperature or 1.0,
                    "top_p": self._decoding.top_p,
                    "top_k": self._decoding.top_k,
                    "repetition_penalty": 1.0,
                }
            )
        return {field: value for field, value in body.items() if field not in self._dropped}

    def _adapted(self, refusal: str, body: dict[str, Any]) -> bool:
        """Whether a refused request can be asked in another way; if so, all later requests are asked that way."""
        said = refusal.casefold()
        if "max_completion_tokens" in said and "max_tokens" in body:
            self._tokens_field = "max_completion_tokens"
            return True
        if "logprobs" in said and "logprobs" in body:
            raise FatalError(f"{self._model}: the server gives no log probabilities; use --confidence vote ({refusal})")
        if said.partition("unexpected fields in the request")[1]:
            # ``transformers serve`` says so. It samples only if a generation configuration tells it to: with the
            # temperature alone it repeats one greedy reply for every trial.
            self._as_configuration = True
        for field in _DROPPABLE:
            if field in body and field in _words(said):
                # Several calls under way may learn the same thing.
                if field not in self._dropped:
                    self._dropped.append(field)
                if field == "n":
                    self._counts_choices = False
                return True
        return False

    def _reply(self, trial: int, choice: Any, request: Request, shared: dict[str, Any]) -> Reply:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise TransientError("a choice without a message", kind="malformed")
        finish = choice.get("finish_reason") or ""
        detail = shared | {"finish": finish}
        refusal = message.get("refusal")
        text = message.get("content")
        if isinstance(text, list):
            text = "".join(part.get("text", "") for part in text if isinstance(part, dict))
        text = text if isinstance(text, str) else ""
        if refusal or finish == "content_filter":
            return Reply(trial, str(refusal or text), refused=True, detail=detail | {"moderated": True})
        if self._decoding.mode != "option":
            return Reply(trial, text, detail=detail)
        probabilities, facts = option_probabilities(choice, list(request.options), self._model)
        return Reply(trial, text, probabilities, detail=detail | facts)


def option_probabilities(choice: dict[str, Any], letters: list[str], model: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Option probabilities from the first token's log probabilities, and ``option_mass`` with what lies beyond the list.

    A letter may be several tokens ("C", " C"): they add up. A letter that is not among the listed tokens has at most the
    probability of the last one listed; it counts as 0 and is named in ``beyond``. FatalError where there are none.
    """
    content = ((choice.get("logprobs") or {}).get("content") or [None])[0]
    listed = (content or {}).get("top_logprobs") or []
    if not listed:
        raise FatalError(f"{model}: the server gives no log probabilities; use --confidence vote")
    masses = dict.fromkeys(letters, 0.0)
    for entry in listed:
        letter = str(entry.get("token", "")).replace("\u2581", " ").replace("\u0120", " ").strip()
        if letter in masses:
            masses[letter] += math.exp(float(entry["logprob"]))
    mass = sum(masses.values())
    if mass <= 0.0:
        # The model wanted to say something else altogether: no letter is preferred.
        return dict.fromkeys(letters, 1.0 / len(letters)), {"option_mass": 0.0, "beyond": letters}
    beyond = [letter for letter, p in masses.items() if p == 0.0]
    return {letter: p / mass for letter, p in masses.items()}, {"option_mass": mass} | ({"beyond": beyond} if beyond else {})


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _tokens(body: dict[str, Any]) -> list[int]:
    """[prompt tokens, reply tokens] of the whole call, as the server counted them."""
    usage = body.get("usage") or {}
    return [int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)]


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())
