"""Findings of a study: figures with verdicts, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import pyarrow as pa

# Verdict on a claim of the paper, by data that no choice had seen.
ClaimStatus = Literal["held", "partly", "failed", "not tested"]


class StudyFigure(NamedTuple):
    """A figure with the paper's claim and what became of it.

    number : of the paper's figure, as in "2a"
    svg : drawn for a light page
    paper, ours : what either reports, in words and numbers
    verdict : why the claim held or did not
    table : the name of the table that is listed below it
    """

    number: str
    title: str
    svg: str
    caption: str
    paper: str
    ours: str
    held: ClaimStatus
    verdict: str
    table: str = ""

    @property
    def file(self) -> str:
        """Its path in the folder of the study."""
        return f"figures/fig{self.number}.svg"


class Findings(NamedTuple):
    """Findings of a study.

    lede : what was done, in a sentence or two
    stand_ins : data that were not public and their stand-ins
    tables : by name, written to tables/NAME.parquet
    numbers : every figure of the text, as JSON values
    """

    title: str
    lede: str
    stand_ins: tuple[str, ...]
    figures: tuple[StudyFigure, ...]
    tables: Mapping[str, pa.Table]
    numbers: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
