"""What asking a model behind a server costs: its price, the tokens expected, the tokens counted, and a limit that holds.

Prices are list prices with their date, from ``resources/prices.csv``, or what ``--price`` says. Before a run, tokens are
estimated from the words and from the sizes of the images by the vendors' own rules; during a run they are those that the
server reports. The limit holds while calls are under way: each reserves the most it may cost before it is sent.
"""

from __future__ import annotations

import asyncio
import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.base import LimitReached, Request
from medqdeg_desktop.eval.egress import remote_hosts
from medqdeg_desktop.eval.spec import ModelSpec
from medqdeg_desktop.shipped import shipped

#: Characters a token of English text has at least on average, so that the estimate is rather too high.
_CHARACTERS_A_TOKEN: Final = 3.5
#: A reservation is this much above the estimate, until the server's own counts say how far off it is.
_MARGIN: Final = 1.25
_DATED: Final = re.compile(r"(-\d[\d-]*|-latest)?$")


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a model per million tokens, in ``currency``; ``image`` is the rule by which its images become tokens.

    ``tiles BASE EACH``    fitted into 2048 x 2048, shorter side at most 768, EACH for a tile of 512 x 512.
    ``patches FACTOR``     FACTOR for a patch of 32 x 32, at most 1536 patches.
    ``area PIXELS``        one for PIXELS pixels, longer side at most 1568.
    ``grid SIDE EACH``     EACH for a tile of SIDE x SIDE.
    """

    model: str
    input_per_million: float
    output_per_million: float
    currency: str = ""
    image: str = "tiles 85 170"
    as_of: str = ""

    def cost(self, prompt_tokens: float, reply_tokens: float) -> float:
        return (prompt_tokens * self.input_per_million + reply_tokens * self.output_per_million) / 1e6

    def image_tokens(self, width: int, height: int) -> int:
        """Tokens of one image of this size in pixels."""
        rule, *numbers = self.image.split()
        if rule == "tiles":
            base, each = map(int, numbers)
            scale = min(1.0, 2048 / max(width, height))
            scale *= min(1.0, 768 / (min(width, height) * scale))
            return base + each * math.ceil(width * scale / 512) * math.ceil(height * scale / 512)
        if rule == "patches":
            return math.ceil(min(1536, math.ceil(width / 32) * math.ceil(height / 32)) * float(numbers[0]))
        if rule == "area":
            scale = min(1.0, 1568 / max(width, height))
            return math.ceil(width * height * scale * scale / float(numbers[0]))
        if rule == "grid":
            side, each = map(int, numbers)
            return each * math.ceil(width / side) * math.ceil(height / side)
        raise MedqdegError(f"prices.csv, {self.model}: no rule {self.image!r} for images")

    def prompt_tokens(self, request: Request) -> int:
        """Tokens that ``request`` has before its reply, estimated."""
        images = request.question.images if request.with_images else ()
        shown = sum(self.image_tokens(max(image.width, 1), max(image.height, 1)) for image in images)
        return shown + math.ceil(len(request.prompt) / _CHARACTERS_A_TOKEN) + 12


FREE: Final = Price("", 0.0, 0.0)


@cache
def listed_prices() -> tuple[Price, ...]:
    """The prices of ``resources/prices.csv``; MedqdegError names a line that is none."""
    path = shipped("prices.csv")
    prices = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                amounts = float(row["input_per_million"]), float(row["output_per_million"])
                price = Price(row["model"], *amounts, row["currency"], row["image"], row["as_of"])
                price.image_tokens(512, 512)
            except (KeyError, ValueError, TypeError) as error:
                raise MedqdegError(f"{path} line {number}: no price ({error})") from None
            prices.append(price)
    return tuple(prices)


def price_of(spec: ModelSpec, given: tuple[float, float] | None = None) -> Price | None:
    """The price of ``spec``: what was ``given`` (input, output per million tokens), nothing on this machine, else the listed
    one; None where none is known. A name with a date behind it is the model without it."""
    if not spec.base_urls:
        return FREE
    listed = next((price for price in listed_prices() if _is(spec.name, price.model)), None)
    if given is not None:
        image = listed.image if listed else Price("", 0, 0).image
        return Price(spec.name, *given, listed.currency if listed else "", image)
    return listed if remote_hosts(spec.hosts) else FREE


def _is(name: str, model: str) -> bool:
    own = name.casefold().rpartition("/")[2]
    return own.startswith(model) and bool(_DATED.fullmatch(own[len(model) :]))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What asking is expected to cost, and at most: each trial read anew and every reply at its full length."""

    price: Price
    prompt_tokens: int
    reply_tokens: int
    cost: float
    most: float

    def told(self) -> dict[str, Any]:
        """As ``--dry-run`` prints it."""
        return {
            "currency": self.price.currency,
            "input_per_million": self.price.input_per_million,
            "output_per_million": self.price.output_per_million,
            "as_of": self.price.as_of,
            "prompt_tokens": self.prompt_tokens,
            "reply_tokens": self.reply_tokens,
            "expected": self.cost,
            "at_most": self.most,
        }


def forecast(price: Price, requests: Iterable[Request], *, reply_tokens: int, longest: int, shares_prompt: bool) -> Forecast:
    """Costs of ``requests``.

    reply_tokens    that a reply is expected to have;  longest  that it may have.
    shares_prompt   whether all trials of a question are asked for in one call, whose prompt is paid once.
    """
    read = read_most = replies = 0
    for request in requests:
        tokens, trials = price.prompt_tokens(request), len(request.trials)
        read += tokens * (1 if shares_prompt else trials)
        read_most += tokens * trials
        replies += trials
    most = price.cost(_MARGIN * read_most, replies * longest)
    return Forecast(price, read, replies * reply_tokens, price.cost(read, replies * reply_tokens), most)


class Meter:
    """Counts what a run costs, as the server reports tokens, and keeps it below ``limit`` (None: no limit)."""

    def __init__(self, price: Price | None, limit: float | None = None) -> None:
        if limit is not None and price is None:
            raise MedqdegError("a limit of cost needs a price: name it with --price INPUT,OUTPUT (per million tokens)")
        self._price = price or FREE
        self._limit = limit
        self._scale = _MARGIN
        self._reserved = 0.0
        self._freed = asyncio.Event()
        self.prompt_tokens = 0
        self.reply_tokens = 0
        self.spent = 0.0

    def already(self, tokens: Iterable[int]) -> None:
        """Adds [prompt, reply] tokens of a call that an earlier part of the run has paid for."""
        prompt, reply = tokens
        self._add(prompt, reply)

    async def reserve(self, request: Request, trials: int, longest: int) -> float:
        """The most that a call for ``trials`` replies may cost, held until it is settled.

        Waits for calls under way where these might use up what is left; LimitReached where they have.
        """
        most = self._price.cost(self._scale * self._price.prompt_tokens(request), trials * longest)
        while self._limit is not None and self.spent + self._reserved + most > self._limit:
            if self.spent + most > self._limit:
                limit, spent = (money(amount, self._price.currency) for amount in (self._limit, self.spent))
                raise LimitReached(
                    f"the limit of {limit} is reached: {spent} are spent and the next call might exceed it; what was answered "
                    "stands, and a higher --max-cost goes on from there"
                )
            self._freed.clear()
            await self._freed.wait()
        self._reserved += most
        return most

    def settle(self, reserved: float, request: Request, body: Mapping[str, Any]) -> None:
        """A call came back with ``body``: its reported tokens count, its reservation is free again."""
        self._free(reserved)
        usage = body.get("usage") or {}
        prompt = int(usage.get("prompt_tokens") or usage.get("input_tokens") or 0)
        reply = int(usage.get("completion_tokens") or usage.get("output_tokens") or 0)
        if not prompt:
            self.spent += reserved
            return
        self._add(prompt, reply)
        self._scale = max(self._scale, prompt / self._price.prompt_tokens(request))

    def release(self, reserved: float) -> None:
        """A call was refused or never left: it costs nothing."""
        self._free(reserved)

    def lost(self, reserved: float) -> None:
        """A call was sent and its reply did not arrive whole: it may have been charged, so it counts in full."""
        self._free(reserved)
        self.spent += reserved

    def figures(self) -> dict[str, Any]:
        """For the live panel; empty where nothing is paid for."""
        if self._price is FREE:
            return {}
        return {"cost": {"spent": self.spent, "limit": self._limit, "currency": self._price.currency}}

    def _free(self, reserved: float) -> None:
        self._reserved -= reserved
        self._freed.set()

    def _add(self, prompt: int, reply: int) -> None:
        self.prompt_tokens += prompt
        self.reply_tokens += reply
        self.spent += self._price.cost(prompt, reply)


def money(amount: float, currency: str) -> str:
    """``3.20 USD``; four decimals below a tenth."""
    return f"{amount:.{2 if amount >= 0.1 or amount == 0 else 4}f}{f' {currency}' if currency else ''}"
