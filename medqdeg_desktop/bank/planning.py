"""From a study to the plan of a set: which items take part, by which rule types are drawn, and what must be said about it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from medqdeg_desktop.bank.drawing import draw_uniform
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.levels import DEGRADED, LevelTable, profile_name
from medqdeg_desktop.bank.plan import Asked, Draw, PlanSummary, header, plan_lines
from medqdeg_desktop.calibration.profiles import load_default_profile
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

RULES = ("uniform", "published")


def planned(study: Study, asked: Asked, summary: PlanSummary) -> tuple[Iterator[str], LevelTable]:
    """(lines of the plan, the levels they are rendered with); ``summary`` is complete when the lines have been read.

    What a release demands beyond this is checked in ``release``. Raises BankError for an unknown rule.
    """
    if asked.rule not in RULES:
        raise BankError(f"rule {asked.rule!r} is neither {' nor '.join(RULES)}")
    levels = LevelTable(study.newest_profile(), load_default_profile())
    return _lines(study, asked, levels, summary), levels


def _lines(study: Study, asked: Asked, levels: LevelTable, summary: PlanSummary) -> Iterator[str]:
    def uniform(item: Item, types: tuple[str, ...]) -> tuple[str, ...]:
        return draw_uniform(asked.seed, item.item_id, types)

    draw: Draw = uniform
    items: Iterator[Item] = islice(taking_part(study), asked.limit)
    if asked.rule == "published":
        from medqdeg_desktop.bank.apportionment import apportion

        assigned = apportion(
            islice(taking_part(study), asked.limit),
            lambda modality: levels.types_for(modality, calibrated_only=asked.release),
            asked.seed,
        )
        summary.notes += assigned.notes
        items = (item for item in items if item.item_id in assigned)
        draw = assigned.types_of
    yield from plan_lines(items, draw, levels, summary, calibrated_only=asked.release)
    summary.notes += _profile_notes(levels, summary)


def taking_part(study: Study) -> Iterator[Item]:
    """Every item that nobody has removed, in the order of item ids."""
    return (item for item in study.items() if item.state != "removed")


def _profile_notes(levels: LevelTable, summary: PlanSummary) -> list[str]:
    """The warning about levels that no reader of this study has fixed; at most one line."""
    if levels.published is None:
        return [f"no published profile in this study: levels are those of {profile_name(levels.default)}"]
    missing = 0
    for modality, name in summary.cells:
        use = levels.use(name, Modality(modality), DEGRADED[0])
        missing += use is not None and use.profile == profile_name(levels.default)
    if not missing:
        return []
    return [
        f"{missing} of {len(summary.cells)} drawn cells are not in profile {profile_name(levels.published)}: "
        f"their levels are those of {profile_name(levels.default)}"
    ]


def preview(study: Study, asked: Asked) -> dict[str, Any]:
    """What would be generated, in numbers, before anything runs: the plan's header."""
    summary = PlanSummary()
    lines, levels = planned(study, asked, summary)
    for _ in lines:
        pass
    return header(asked, levels, summary)
