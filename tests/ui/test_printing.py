"""The printed report: written by the command without a display, with its words, tables and charts on A4 pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from evaluated import Evaluated
from PySide6.QtGui import QFontDatabase, QTextDocument

from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.report import Report, assemble
from medqdeg_desktop.ui.printing import print_report

A4_ACROSS = (842, 595)  #: points


@pytest.fixture(scope="module")
def report(evaluated: Evaluated) -> Report:
    return assemble(evaluated.study, replicates=200)


def pages(paper: bytes) -> list[tuple[int, int]]:
    """Width and height of each page, in points."""
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", paper)
    return [(round(float(w)), round(float(h))) for w, h in boxes]


def drawing(paper: bytes) -> bytes:
    """All drawing instructions of the pages, uncompressed."""
    out = b""
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", paper, re.DOTALL):
        try:
            out += zlib.decompress(stream)
        except zlib.error:
            continue
    return out


def test_the_command_writes_the_pdf_without_a_display(evaluated: Evaluated, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    command = ["report", str(evaluated.study), "--out", str(tmp_path / "out"), "--replicates", "200"]
    done = subprocess.run(
        [sys.executable, "-m", "medqdeg_desktop", *command], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    paper = (tmp_path / "out" / "report.pdf").read_bytes()
    assert paper.startswith(b"%PDF-") and paper.rstrip().endswith(b"%%EOF")


def test_pages_are_a4_across_and_carry_the_shipped_face(report: Report, tmp_path: Path) -> None:
    paper = print_report(report, tmp_path / "report.pdf").read_bytes()
    assert set(pages(paper)) == {A4_ACROSS}
    assert len(pages(paper)) >= 4
    assert b"Inter-Regular" in paper and b"Inter-SemiBold" in paper
    assert "Inter" in QFontDatabase.families()


def test_charts_are_drawn_as_lines_not_as_pictures(report: Report, tmp_path: Path) -> None:
    paper = print_report(report, tmp_path / "report.pdf").read_bytes()
    assert b"/Subtype /Image" not in paper
    inks = {tuple(round(float(v), 2) for v in found) for found in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) scn", drawing(paper))}
    for level in ("#22c55e", "#f59e0b", "#ef4444"):
        wanted = tuple(round(int(level[i : i + 2], 16) / 255, 2) for i in (1, 3, 5))
        assert wanted in inks, f"no mark in {level}"


def test_every_chart_has_its_place(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medqdeg_desktop.ui import printing

    painted: list[str] = []
    paint = printing.paint
    monkeypatch.setattr(
        printing,
        "paint",
        lambda painter, figure, *args, **more: (painted.append(figure.name), paint(painter, figure, *args, **more)),
    )
    print_report(report, tmp_path / "report.pdf")
    assert set(painted) == {figure.name for figure in (*report.figures, *report.diagrams)}


def test_a_disk_that_refuses_is_one_line(report: Report, tmp_path: Path) -> None:
    with pytest.raises(MedqdegError, match=r"report\.pdf"):
        print_report(report, tmp_path / "nowhere" / "report.pdf")


def test_a_heading_is_never_alone_at_the_foot_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings are pushed down line by line over more than a page: each stays with what it heads."""
    from medqdeg_desktop.ui import printing

    laid_out: list[QTextDocument] = []
    document_of = printing._document
    monkeypatch.setattr(printing, "_document", lambda *given: laid_out.append(document_of(*given)) or laid_out[-1])
    rows = "".join(f"<tr><td>{i}</td></tr>" for i in range(12))
    for lines in range(20, 50, 3):
        above = "".join(f"<p>{i}</p>" for i in range(lines))
        text = f"<html><body>{above}<h2>Heading</h2><table>{rows}</table><h2>Last</h2><p>[[figure tall]]</p></body></html>"
        tall = Figure("tall", "Tall", "", 600, 400, ())
        printing.print_pages(lambda text=text: text, {"tall": tall}, "Title", tmp_path / "out.pdf")  # type: ignore[misc]
        document, height = laid_out[-1], laid_out[-1].pageSize().height()
        for heading in printing._headings(document):
            below = heading.next()
            layout = document.documentLayout()
            line = layout.blockBoundingRect(below).top() + below.layout().lineAt(0).y()
            assert int(layout.blockBoundingRect(heading).top() // height) == int(line // height), (lines, heading.text())
