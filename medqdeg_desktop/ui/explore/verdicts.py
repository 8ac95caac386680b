"""What a model made of each picture: correct, wrong or not readable, by its most frequent or most probable answer. Qt-free."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from medqdeg_desktop.study.store import Study


def runs_on(study: Path, dataset_sha256: str) -> list[tuple[str, str]]:
    """(run id, how the run is called) of the runs of exactly this dataset that have answers, oldest first."""
    with Study.open(study, read_only=True) as opened:
        return [(run.run_id, run.name or run.model) for run in opened.answered_runs() if run.dataset_sha256 == dataset_sha256]


def verdicts(study: Path, run_id: str, right: dict[str, str]) -> dict[str, str]:
    """The verdict on each picture that the run has answered; ``right`` gives the correct letter by file name.

    The answer of several trials is the one given most often; where two lead, it is no correct answer. Replies that could not
    be read count as an answer of their own.
    """
    weight: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    with Study.open(study, read_only=True) as opened:
        for name, choice, count, _, _ in opened.vote_counts(run_id):
            weight[name][choice] += count
        exact: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for name, probabilities in opened.option_probabilities(run_id):
            for letter, probability in probabilities.items():
                exact[name][letter] += probability
    return {name: _verdict(votes, right.get(name, "")) for name, votes in {**weight, **exact}.items() if votes}


def _verdict(votes: dict[str, float], right: str) -> str:
    most = max(votes.values())
    leading = [choice for choice, count in votes.items() if count == most]
    if leading == [""]:
        return "unparsed"
    return "correct" if leading == [right] else "wrong"
