"""Report of a study: one HTML page that opens offline.

Its figures are inline and follow light and dark pages.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from kakehashi.catalogs.records import UserError
from kakehashi.screen.report.data import Row, first_rows, mapping, mappings, texts
from kakehashi.screen.report.page import assemble
from kakehashi.screen.report.sections import pretty, timings
from kakehashi.screen.runs.record_file import RECORD, load_record
from kakehashi.screen.studies.figures import theme_svg

TEMPLATES = Path(__file__).parent / "templates"
# Rows of a table shown on the page.
LISTED = 40
WORDS = {"held": "held", "partly": "held in part", "failed": "did not hold", "not tested": "not tested"}
STYLES = {"held": "in", "partly": "edge", "failed": "out", "not tested": "plain"}


def write_report(directory: Path) -> str:
    """Write the HTML report of a study; the same files give the same text.

    Raises
    ------
    UserError
        Code 2 where there is no study, 6 where a file of it cannot be read.
    """
    directory = Path(directory)
    run, study = (Row(load_record(directory / name)) for name in (RECORD, "study.json"))
    return assemble("study.html.j2", _content(directory, run, study), (TEMPLATES,))


def _content(directory: Path, run: Row, study: Row) -> dict[str, Any]:
    shown = [_figure(directory, figure) for figure in mappings(study, "figures")]
    counts = {held: sum(figure["held"] == held for figure in shown) for held in WORDS}
    return {
        "run": run,
        "study": study,
        "stand_ins": texts(study, "stand_ins"),
        "figures": shown,
        "counts": [(WORDS[held], STYLES[held], count) for held, count in counts.items() if count],
        "warnings": texts(run, "warnings"),
        "data": mappings(run, "data"),
        "tables": sorted(mapping(study, "tables").items()),
        "packages": sorted((str(k), str(v)) for k, v in mapping(run, "packages").items()),
        "config": pretty(run.get("config")),
        "timings": timings(mapping(run, "timings")),
        "files": [("study.json", "every number, claim and verdict of this page"), ("tables/", "the values behind them"),
                  ("figures/", "the figures as SVG, in light colours"), ("run.json", "settings, versions, timings")],
    }  # fmt: skip


def _figure(directory: Path, figure: Row) -> Row:
    """A figure with its drawing as a data address.

    An image's own style sheet is not the page's.
    """
    path = directory / str(figure["file"])
    try:
        drawing = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): do the study again", code=6) from None
    held = str(figure["held"])
    image = "data:image/svg+xml;base64," + base64.b64encode(theme_svg(drawing).encode()).decode()
    listed = first_rows(directory / f"tables/{figure['table']}.parquet", LISTED) if figure["table"] else None
    return Row(
        {**figure, "listed": listed, "image": image, "word": WORDS.get(held, held), "style": STYLES.get(held, "plain")}
    )
