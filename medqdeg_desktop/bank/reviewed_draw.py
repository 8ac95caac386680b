"""The draw that is reviewed: the same that ``generate`` makes with the seed, rule and levels under review."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from medqdeg_desktop.bank.apportionment import apportion
from medqdeg_desktop.bank.drawing import allowed_types, draw_uniform
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.levels import LevelTable
from medqdeg_desktop.bank.review import RELEASE_DECISIONS, Outcome, State, outcomes
from medqdeg_desktop.calibration.profiles import load_default_profile
from medqdeg_desktop.study.records import Item, ReviewSetup
from medqdeg_desktop.study.reviews import CLEAN
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


def level_table(study: Study) -> LevelTable:
    """The levels that pictures are rendered with, in the review as in ``generate``."""
    return LevelTable(study.newest_profile(), load_default_profile())


def sharing(study: Study, found: dict[str, Outcome]) -> Iterator[Item]:
    """Items among which the rule ``published`` shares its types out: all that are no draft and that nobody removed, save by
    review.

    ``found`` are the outcomes of the review. What it removes keeps its place, or each removal would deal all other items anew.
    """
    for item in study.items():
        reviewed_out = item.item_id in found and found[item.item_id].state is State.REMOVED
        if not item.draft and (item.state != "removed" or reviewed_out):
            yield item


def draw_under_review(study: Study, setup: ReviewSetup | None = None) -> Callable[[Item], tuple[str, ...]]:
    """The types that ``generate`` draws for an item with the seed and the rule under review, or those of ``setup``."""
    setup, levels = setup or study.review_setup(), level_table(study)
    suited: dict[Modality, tuple[str, ...]] = {}

    def types_for(modality: Modality) -> tuple[str, ...]:
        if modality not in suited:
            suited[modality] = levels.types_for(modality, calibrated_only=setup.release)
        return suited[modality]

    if setup.rule == "uniform":
        return lambda item: draw_uniform(setup.seed, item.item_id, allowed_types(item, types_for(item.modality)))
    if not study.item_count():
        return lambda item: ()
    shared_out = apportion(sharing(study, outcomes(study)), types_for, setup.seed)

    def drawn(item: Item) -> tuple[str, ...]:
        if item.item_id not in shared_out:
            return ()
        return shared_out.types_of(item, allowed_types(item, types_for(item.modality)))

    return drawn


def judged_in(setup: ReviewSetup, types: tuple[str, ...]) -> tuple[str, ...]:
    """What of an item is kept or removed: its drawn types, or the clean picture where the set shows nothing else of it.

    Under the rule ``published`` an item without types is not in the set.
    """
    return types or ((CLEAN,) if setup.rule == "uniform" else ())


def removed_types(found: dict[str, Outcome]) -> dict[str, frozenset[str]]:
    """By item id the types that the review has taken out."""
    return {item_id: one.removed for item_id, one in found.items() if one.removed}


def check_reviewed_draw(study: Study, seed: int, rule: str = "uniform") -> None:
    """Raises BankError where items were reviewed, but not (all of) the draw that a release with ``seed`` and ``rule`` would make.

    A study in which nothing was ever reviewed passes: its items may have been accepted as a whole.
    """
    setup = study.review_setup()
    if not any(True for _ in study.reviews()):
        return
    if (setup.seed, setup.rule) != (seed, rule):
        other = f"--seed {setup.seed} --rule {setup.rule}" if setup.rule != rule else f"--seed {setup.seed}"
        under = f"seed {setup.seed}" if setup.rule == rule else f"seed {setup.seed} and rule {setup.rule}"
        raise BankError(f"{study.path}: the draw of {under} was reviewed; a release needs {other}, not {seed}")
    if not setup.release or setup.decisions < RELEASE_DECISIONS:
        raise BankError(
            f"{study.path}: a release needs {RELEASE_DECISIONS} blind decisions an item on its own draw; "
            f"`medqdeg bank review {study.path.name} --release --seed {seed}` asks for them"
        )
    found = outcomes(study)
    drawn = draw_under_review(study)
    for item in study.items():
        if item.state == "removed" or item.draft:
            continue
        standing = found.get(item.item_id, Outcome())
        types = judged_in(setup, drawn(item))
        if not types:
            continue
        if standing.state is not State.ACCEPTED:
            said = "in dispute" if standing.state is State.CONFLICT else "not decided under this draw"
            raise BankError(f"{study.path}: a release takes reviewed items only; {item.item_id} is {said}")
        if standing.kept | standing.removed != set(types):
            raise BankError(
                f"{study.path}: {item.item_id} is drawn with other types than were reviewed (items or levels have changed "
                "since); review it again"
            )
