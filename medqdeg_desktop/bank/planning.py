"""From a study to the plan of a set: which items take part, by which rule types are drawn, and what must be said about it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from medqdeg_desktop.bank.apportionment import Apportionment, apportion
from medqdeg_desktop.bank.drawing import allowed_types, draw_uniform
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.levels import DEGRADED, LevelTable, level_names, profile_name
from medqdeg_desktop.bank.plan import Asked, PlanSummary, header, plan_lines
from medqdeg_desktop.bank.review import outcomes
from medqdeg_desktop.bank.reviewed_draw import removed_types, sharing
from medqdeg_desktop.calibration.profiles import load_default_profile
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, DEGRADATION_TYPES, Modality

RULES = ("uniform", "published")


def planned(study: Study, asked: Asked, summary: PlanSummary) -> tuple[Iterator[str], LevelTable]:
    """(lines of the plan, the levels they are rendered with); ``summary`` is complete when the lines have been read.

    What a release demands beyond this is checked in ``release``. Raises BankError for an unknown rule.
    """
    _check_wishes(asked)
    levels = LevelTable(study.newest_profile(), load_default_profile(), asked.severities)
    return _lines(study, asked, levels, summary), levels


def _check_wishes(asked: Asked) -> None:
    if asked.rule not in RULES:
        raise BankError(f"rule {asked.rule!r} is neither {' nor '.join(RULES)}")
    unknown = [name for name in asked.types if name not in DEGRADATION_BY_NAME]
    if unknown:
        raise BankError(f"degradation {unknown[0]!r} is unknown; `medqdeg degradations` lists them")
    level_names(asked.severities)
    if asked.types and asked.rule != "uniform":
        raise BankError(f"rule {asked.rule} draws the types itself: leave out the list of types")
    if asked.release and (asked.types or asked.severities):
        raise BankError("a release is drawn by a rule at the published levels: leave out types and severities")


def _lines(study: Study, asked: Asked, levels: LevelTable, summary: PlanSummary) -> Iterator[str]:
    wanted = {DEGRADATION_BY_NAME[name].name for name in asked.types}
    found = outcomes(study)
    removed = removed_types(found)

    @cache
    def types_for(modality: Modality) -> tuple[str, ...]:
        if wanted:
            return tuple(t.name for t in DEGRADATION_TYPES if t.name in wanted and t.suits(modality))
        return levels.types_for(modality, calibrated_only=asked.release)

    def allowed(item: Item) -> tuple[str, ...]:
        return allowed_types(item, types_for(item.modality), marked=asked.mark_regions)

    assigned: Apportionment | None = None
    items: Iterator[Item] = islice(taking_part(study), asked.limit)
    if asked.rule == "published":
        # Shared out as it was reviewed: what the review has taken out leaves a gap, or every removal would deal the rest anew. A
        # release is dealt among all questions, whatever is marked: neither limit nor marks may bring in what nobody reviewed.
        def sharers() -> Iterator[Item]:
            return islice(sharing(study, found), None if asked.release else asked.limit)

        shared_out = apportion(sharers(), types_for, asked.seed, marked=asked.mark_regions and not asked.release)
        gaps = sum(name in removed.get(item_id, ()) for item_id, types in shared_out.types.items() for name in types)
        summary.notes += [*shared_out.notes, *([f"the review has taken out {gaps:,} pairs a level"] if gaps else [])]
        items = islice((i for i in sharers() if i.state != "removed" and i.item_id in shared_out), asked.limit)
        assigned = shared_out

    def drawn(item: Item) -> tuple[str, ...]:
        if assigned is not None:
            return assigned.types_of(item, allowed(item))
        if wanted:
            return allowed(item)
        types = draw_uniform(asked.seed, item.item_id, allowed_types(item, types_for(item.modality)))
        if not asked.mark_regions:
            return types
        # The draw that was reviewed, less what would move anatomy from under its mark; where nothing is left of it, another one,
        # which nobody has reviewed and a release therefore leaves out.
        still = tuple(name for name in types if name in allowed(item))
        return still if still or asked.release else draw_uniform(asked.seed, item.item_id, allowed(item))

    def without_removed(item: Item) -> tuple[str, ...]:
        """The draw as it was reviewed, less what the review has taken out: the rest of the set stays as it is."""
        return tuple(name for name in drawn(item) if name not in removed.get(item.item_id, ()))

    doubles = [decision for decision in study.doubles() if decision.kept]
    taken: set[str] = set()
    items = _noted(items, {decision.kept for decision in doubles}, taken)
    yield from plan_lines(items, without_removed, levels, summary)
    summary.merged = [
        {"item": item_id, "into": decision.kept, "source": source, "source_id": source_id}
        for decision in doubles
        for item_id, (source, source_id) in decision.sources.items()
        if item_id in decision.merged and decision.kept in taken
    ]
    summary.notes += [*_profile_notes(levels, summary), *_item_notes(asked, summary)]


def _noted(items: Iterator[Item], wanted: set[str], taken: set[str]) -> Iterator[Item]:
    """``items`` as they are; of those ``wanted``, the ids that came are kept in ``taken``."""
    for item in items:
        if item.item_id in wanted:
            taken.add(item.item_id)
        yield item


def _item_notes(asked: Asked, summary: PlanSummary) -> list[str]:
    """What is to be said about items that are not drawn like the others."""
    notes = []
    if summary.quality:
        notes.append(f"{summary.quality:,} items ask about the quality of the picture and are shown clean only")
    if summary.regions and asked.mark_regions:
        notes.append(f"{summary.regions:,} items carry a region, drawn on the finished pictures of every level")
    elif summary.regions:
        notes.append(f"{summary.regions:,} items carry a region as data that is not drawn; --mark-regions draws it")
    return notes


def taking_part(study: Study) -> Iterator[Item]:
    """Every item that nobody has removed and that is not a draft, in the order of item ids."""
    return (item for item in study.items() if item.state != "removed" and not item.draft)


def _profile_notes(levels: LevelTable, summary: PlanSummary) -> list[str]:
    """The warning about levels that no reader of this study has fixed; at most one line."""
    if levels.severities:
        return []
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
