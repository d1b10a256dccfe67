"""A real client drives the server over standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="mcp is not installed: the tools for assistants were not tried")

from mcp import Client, StdioServerParameters

from kakehashi.design.cli.mcp_tools import answer_of, flags, placed

ROWS = "formula,gap_ev\n" + "\n".join(
    f"{formula},{gap}"
    for formula, gap in zip(
        ["LiF", "NaCl", "KBr", "MgO", "CaO", "SrO", "ZnS", "GaAs", "InP", "CdTe", "Xx2"],
        [14.2, 8.5, 7.4, 7.8, 7.1, 5.2, 3.7, 1.42, 1.34, 1.5, 3],
        strict=True,
    )
)
TOOLS = {"check", "screen", "design", "predict", "status"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "gap.csv").write_text(f"{ROWS}\n")
    (tmp_path / "mine.csv").write_text("formula\nBN\nnot one\nAlN\n")
    return tmp_path


def talk(place: Path, ask: Callable[[Any], Any]) -> Any:
    """What a coroutine function makes of a client whose server stands in a folder."""
    root = Path(__file__).parents[3]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "kakehashi", "mcp"], env=environment, cwd=place
    )

    async def whole() -> Any:
        async with Client(server, read_timeout_seconds=500) as client:
            return await ask(client)

    return asyncio.run(whole())


def test_an_assistant_goes_all_the_way_round(place: Path) -> None:
    async def ask(client: Any) -> None:
        listed = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
        assert set(listed) == TOOLS
        assert listed["screen"]["properties"]["log"]["type"] == "boolean"
        assert set(listed["screen"]["required"]) == {"target", "out"}

        found = (await client.call_tool("check", {"table": "gap.csv:gap_ev"})).structured_content
        assert found["refused_rows"] == 1
        wrong = await client.call_tool("check", {"table": "none.csv:x"})
        assert wrong.is_error
        assert "none.csv" in wrong.content[0].text
        flag = await client.call_tool("check", {"table": "--help"})
        assert flag.is_error
        assert "expected a name or a path" in flag.content[0].text
        typed = await client.call_tool("screen", {"target": "gap.csv:gap_ev", "out": "run", "log": "perhaps"})
        assert typed.is_error

        words = {"target": "gap.csv:gap_ev", "out": "run", "catalog": "mine.csv", "source": ["none"]}
        begun = (await client.call_tool("screen", {**words, "wait_seconds": 0})).structured_content
        assert begun["state"] == "running"
        state = begun
        while state["state"] != "finished":
            await asyncio.sleep(2)
            answered = await client.call_tool("status", {"folder": "run"})
            state = {"state": "begun"} if answered.is_error else answered.structured_content
        assert state["catalog"] == {"name": "mine.csv", "rows": 3, "scored": 2, "quarantined": 1}
        assert state["verdicts"]
        again = await client.call_tool("screen", words)
        assert again.is_error
        assert "--overwrite" in again.content[0].text

        rows = (
            await client.call_tool("predict", {"model": "run", "table": "mine.csv", "out": "mine.parquet"})
        ).structured_content["first_rows"]
        assert [row["formula"] for row in rows] == ["BN", "not one", "AlN"]
        assert rows[1]["reason"]

    talk(place, ask)


def test_values_never_become_flags() -> None:
    assert flags({"out": "--overwrite", "target": ["-x"], "log": False}) == ["--out=--overwrite", "--target=-x"]
    assert placed("runs/x", "out") == "runs/x"
    with pytest.raises(Exception, match="out: expected a name or a path"):
        placed("--overwrite", "out")


def test_the_answer_is_that_of_the_run(tiny_run: Any) -> None:
    answer = answer_of(str(tiny_run[0]))
    assert answer["state"] == "finished"
    assert answer["catalog"]["quarantined"] == 1
    assert len(answer["next"]) <= 20
    assert Path(answer["report"]).is_file()
