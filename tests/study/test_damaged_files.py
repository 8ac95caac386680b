"""Bytes that change on a disk cost one line of text, never a traceback and never a silent wrong answer of ``verify``."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from study_records import IMAGE, make_answer, make_item, make_run, make_setting

from medqdeg_desktop.study.records import CleanDecision, Profile, ProfileCell
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import Level, Modality


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A closed study in which every table has rows."""
    from medqdeg_desktop.study.records import ImageRecord

    path = tmp_path_factory.mktemp("full") / "full.medq"
    with Study.create(path) as study:
        study.ensure_reader("R1")
        study.record_image(ImageRecord(IMAGE, Modality.CT, "CT 1", "/data/a.dcm", 12, {"decoder": "pydicom"}))
        for n in range(1, 30):
            study.set_level(make_setting(severity=n / 100))
        study.decide_clean(CleanDecision("R1", IMAGE, 12, None, "diagnostic"))
        cell = ProfileCell("gaussian_noise", Modality.CT, Level.L1, 0.4, 1, {"sigma": 0.05})
        study.publish_profile(Profile("liver", "1.0.0", "draft", (cell,)), "R1")
        study.add_items(make_item(f"q{n}") for n in range(40))
        study.clear_items(["q1", "q2"], "R1")
        study.start_run(make_run())
        study.append_answers("run-1", [make_answer(f"{n}.png") for n in range(64)])
    yield path


def _use_everything(study: Study) -> None:
    study.readers(), study.images(), study.settings(), study.setting_history(), study.clean_decisions()
    study.events(), study.profiles(), study.newest_profile(), list(study.items()), study.item_versions("q1")
    study.runs(), list(study.answers("run-1")), study.answered_keys("run-1"), study.answer_counts("run-1")
    study.set_level(make_setting())
    study.add_items([make_item("q1", answer="A"), make_item("q99")])
    study.append_answers("run-1", [make_answer("99.png")])


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_give_a_study_error_or_nothing(full: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "hurt.medq"
    shutil.copy(full, path)
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 3, 40))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)
    try:
        with Study.open(path) as study:
            problems = study.verify()
            assert all("\n" not in line for line in problems)
            _use_everything(study)
    except StudyError as error:
        assert "\n" not in str(error) and str(path) in str(error)


def test_a_payload_that_is_no_json_is_named_by_verify_and_refused_when_read(full: Path, tmp_path: Path) -> None:
    path = tmp_path / "hurt.medq"
    shutil.copy(full, path)
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER events_no_update")
    connection.execute("UPDATE events SET payload = 'x' || payload WHERE seq = 5")
    connection.commit()
    connection.close()
    with Study.open(path) as study:
        assert any("event 5 (setting, " in line for line in study.verify())
        with pytest.raises(StudyError, match="damaged: a record cannot be understood"):
            study.setting_history()


@pytest.mark.parametrize("name", ["a b?#%41[1].medq", "\u00e9tude \u2013 \u80dd.medq", 'it\'s "quoted".medq'])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with Study.create(path) as study:
        study.ensure_reader("R1")
        copy = study.backup(tmp_path / f"copy {name}")
    with Study.open(copy, read_only=True) as opened:
        assert opened.readers()[0].pseudonym == "R1"
    assert sorted(tmp_path.iterdir()) == sorted([path, copy])
