"""Tables as callers give them."""

from __future__ import annotations

from kakehashi.catalogs.reading.memory_tables import open_frame
from kakehashi.screen.screening.tables import specs_of


def test_frames_of_one_column_are_told_apart() -> None:
    frames = [open_frame({"formula": ["BN"], "gap_eV": [5.0]}) for _ in range(2)]
    assert specs_of(["ltc", *frames]) == ["ltc", "<dict> (2)", "<dict> (3)"]
    assert specs_of(frames[:1]) == ["<dict>"]
