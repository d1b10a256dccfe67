"""Acquisition functions by name, with what help says of them; imports nothing heavy."""

from __future__ import annotations

from typing import Literal

Acquisition = Literal["improvement", "chance", "upper", "variance"]
ACQUISITIONS: dict[Acquisition, str] = {
    "improvement": "expected improvement on the best known value",
    "chance": "chance to beat it",
    "upper": "better bound of the interval: the upper one, with --minimise the lower one",
    "variance": "variance of the prediction",
}
