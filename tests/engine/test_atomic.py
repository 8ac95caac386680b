"""Files that are there whole or not at all, and targets that are tried before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from medqdeg_desktop.engine import atomic


def test_a_write_that_fails_names_the_file_asked_for_and_not_its_temporary_neighbour(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        atomic.write_bytes(tmp_path / "nowhere" / "x.png", b"data")
    assert error.value.filename == str(tmp_path / "nowhere" / "x.png")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as error_of_move:
        atomic.write_bytes(tmp_path / "folder", b"data")
    assert atomic.TEMPORARY not in str(error_of_move.value) and str(tmp_path / "folder") in str(error_of_move.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_checking_a_target_leaves_nothing_behind(tmp_path: Path) -> None:
    atomic.check_file(tmp_path / "x.png")
    atomic.check_folder(tmp_path)
    atomic.check_folder(tmp_path / "report" / "of" / "june")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_is_refused_by_the_name_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as error:
        atomic.check_folder(tmp_path / "file" / "report")
    assert error.value.filename == str(tmp_path / "file" / "report")
    with pytest.raises(IsADirectoryError):
        atomic.check_file(tmp_path)
