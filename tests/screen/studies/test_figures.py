"""Drawings are the same bytes each time, on light and dark pages."""

import xml.etree.ElementTree as ElementTree

from kakehashi.screen.studies.figures import COLOURS, draw_svg, theme_svg


def test_drawings_are_the_same_bytes_and_know_both_pages() -> None:
    def paint(figure: object) -> None:
        ax = figure.subplots()  # type: ignore[attr-defined]
        ax.plot([0, 1], [1, 0], color=COLOURS["accent"][0], label="a")
        ax.scatter([0, 1], [0, 1], color=COLOURS["warm"][0])
        ax.legend()

    first = draw_svg(3, 2, paint)
    assert first == draw_svg(3, 2, paint)
    assert "dc:date" not in first
    page = theme_svg(first)
    ElementTree.fromstring(page)
    for name, (light, dark) in COLOURS.items():
        assert page.count(light) == 1, name
        assert page.count(dark) == 1, name
    assert "var(--accent)" in page
    assert "var(--warm)" in page
