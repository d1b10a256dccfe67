"""The report of a study follows from its files."""

from pathlib import Path

from kakehashi.screen.studies.page import write_report

FIGURES = ("2a", "2b", "2s", "3", "3m", "3x", "4")


def test_report_is_built_from_the_files_alone(ltc_study: Path) -> None:
    page = write_report(ltc_study)
    assert page == (ltc_study / "report.html").read_text()
    for number in FIGURES:
        assert f'id="fig{number}"' in page
