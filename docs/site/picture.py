"""Take the picture of a report's first screen that README.md shows: python docs/site/picture.py RUN."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "images" / "report.png"
SIZE = (1100, 900)
LARGEST = 150_000  # bytes: the picture is loaded with every view of the README


def take_picture(report: Path, target: Path = TARGET) -> None:
    """Draw the top of a report with a headless browser, in a palette of 128 colours.

    Raises
    ------
    SystemExit : no browser, or a picture above `LARGEST`
    """
    from PIL import Image

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("expected chromium on the path: install it, or take the picture by hand")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        words = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        ]
        words += [f"--user-data-dir={folder}/profile", f"--window-size={SIZE[0]},{SIZE[1]}"]
        subprocess.run([browser, *words, f"--screenshot={shot}", report.resolve().as_uri()], check=True)
        picture = Image.open(shot).convert("RGB").quantize(128, dither=Image.Dither.NONE)
        target.parent.mkdir(exist_ok=True)
        picture.save(target, optimize=True)
    if target.stat().st_size > LARGEST:
        raise SystemExit(f"{target}: {target.stat().st_size:,} bytes, expected at most {LARGEST:,}: lower SIZE")


if __name__ == "__main__":
    take_picture(Path(sys.argv[1]) / "report.html")
