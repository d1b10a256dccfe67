"""Tools of `kakehashi mcp`: commands with typed inputs, answered by short records and files."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.reading.readers import read

# Rows of a table in an answer; all are in its files.
ROWS = 20
# Seconds from the polite end of a process to the other one.
GRACE = 10.0
PROPOSED = ("rank", "smiles", "mean", "lower", "upper", "p_goal", "class", "monomer_1", "monomer_2", "domain")
INSTRUCTIONS = (
    "Kakehashi ranks materials by a property of which 20 to 500 values are known, and proposes polymers. Begin with"
    " check. A table is FILE:COLUMN. Report intervals, domain and verdict beside every predicted value. A run that is"
    " still going answers state running: ask status later."
)
Answer = dict[str, Any]


class Runs:
    """Processes that were started and may still be at work."""

    def __init__(self) -> None:
        self.at_work: dict[asyncio.Task[tuple[bytes, bytes]], asyncio.subprocess.Process] = {}

    async def command(self, words: Sequence[str], wait: float | None = None) -> str | None:
        """Run a command; its standard output, None where it goes on after `wait` seconds.

        Raises
        ------
        ToolError : its last words on stderr, where it failed.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "kakehashi", *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        task = asyncio.create_task(process.communicate())
        self.at_work[task] = process
        task.add_done_callback(lambda done: self.at_work.pop(done, None))
        try:
            finished, _ = await asyncio.wait({task}, timeout=wait)
        except asyncio.CancelledError:  # the assistant does not want it any more
            await self._end(task, process)
            raise
        if not finished:
            return None
        out, said = (text.decode("utf-8", "replace") for text in task.result())
        if process.returncode not in (0, 3):  # 3: finished, with more in quarantine than was allowed
            last = said.strip().splitlines()[-5:] or ["no reason was given"]
            raise ToolError("\n".join([*last, f"(exit code {process.returncode})"]))
        return out

    async def end(self) -> None:
        """End what is at work; runs can be resumed."""
        await asyncio.gather(*(self._end(task, process) for task, process in list(self.at_work.items())))

    async def _end(self, task: asyncio.Task[tuple[bytes, bytes]], process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait({task}, timeout=GRACE)
        if not task.done():
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.wait({task}, timeout=GRACE)


def flags(values: Mapping[str, Any]) -> list[str]:
    """Words of the command line; nothing that a value holds can become a flag of its own.

    >>> flags({"log": True, "quick": False, "top": None, "source": ["a.csv:x", "--b"], "out": "runs/x"})
    ['--log', '--source=a.csv:x', '--source=--b', '--out=runs/x']
    """
    words = []
    for name, value in values.items():
        written = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(written)
        elif isinstance(value, list):
            words += [f"{written}={text}" for text in value]
        elif value is not None and value is not False:
            words.append(f"{written}={value}")
    return words


def placed(text: str, name: str) -> str:
    """Argument without a flag, refused where it looks like one."""
    if not text or text.startswith("-"):
        raise ToolError(f"{name}: expected a name or a path, got {text!r}")
    return text


def answer_of(folder: str) -> Answer:
    """What a finished run says: verdict, trust, batch or proposals, warnings, and where its files are."""
    where = path_of(folder)
    record = json.loads((where / "run.json").read_bytes())
    verdicts = [part["verdict"]["text"] for part in (record, *record.get("properties", ())) if "verdict" in part]
    answer: Answer = {"state": "finished", "folder": folder, "verdicts": verdicts, "report": str(where / "report.html")}
    for name in ("trust", "interval", "goals", "proposals"):
        if name in record:
            answer[name] = record[name]
    if "catalog" in record:
        answer["catalog"] = {name: record["catalog"][name] for name in ("name", "rows", "scored", "quarantined")}
    for name, columns in (("next.parquet", None), ("proposals.parquet", PROPOSED)):
        if (where / name).is_file():
            answer[name.partition(".")[0]] = rows_of(where / name, columns)
    return {**answer, "warnings": record.get("warnings", [])[:10]}


def rows_of(path: Path, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """First rows of a table."""
    table = read(path).slice(0, ROWS)
    rows: list[dict[str, Any]] = table.select(list(columns) if columns else table.column_names).to_pylist()
    return rows


def tools(runs: Runs) -> list[Callable[..., Any]]:
    """Functions that are offered; names, types and docstrings are what the assistant sees."""

    async def check(
        table: str, log: bool = False, material: list[str] | None = None, unit: list[str] | None = None
    ) -> Answer:
        """Look at a table of known values before a run: rows, refusals with reasons, unit, range, time of a run.

        table: FILE:COLUMN, or a name of the embedded tables. log: the values are positive and span decades.
        material: the column of formulas or SMILES. unit: COLUMN=UNIT, where the header does not say it.
        """
        words = flags({"json": True, "log": log, "material": material, "unit": unit})
        return _object(await runs.command(["check", *words, placed(table, "table")]))

    async def screen(
        target: str, out: str, catalog: str | None = None, log: bool = False, minimise: bool = False,
        quick: bool = False, source: list[str] | None = None, filter: list[str] | None = None,
        top: int | None = None, seed: int = 0, resume: bool = False, wait_seconds: float = 45.0,
    ) -> Answer:  # fmt: skip
        """Rank a catalogue of materials by a target property, and say what to measure next.

        target: FILE:COLUMN of known values. out: a new folder for the run. catalog: a name (mp_formulas, default), a
        file of candidates. log: fit the logarithm. minimise: small values are wanted. quick: fewer models.
        source: further tables to learn from. filter: such as 'price<=6'. resume: go on with the run in the folder.
        The run goes on where it takes longer than wait_seconds; ask status then.
        """
        values = {"target": target, "out": out, "catalog": catalog, "log": log, "minimise": minimise, "quick": quick,
                  "source": source, "filter": filter, "top": top, "seed": seed, "resume": resume,
                  "quiet": True}  # fmt: skip
        return await _run("screen", values, wait_seconds)

    async def design(
        target: list[str], goal: list[str], out: str, pool: str | None = None,
        polymer_class: list[str] | None = None, particles: int = 1000, source: list[str] | None = None,
        seed: int = 0, resume: bool = False, wait_seconds: float = 45.0,
    ) -> Answer:  # fmt: skip
        """Propose polymers that should meet a goal, each with its monomers and reaction.

        target: FILE:COLUMN or NAME=FILE:COLUMN of repeat units (SMILES with two *). goal: such as 'tg>470 K', by the
        names of the targets. out: a new folder. pool: a table of monomers of your own. particles: of the sampler.
        The run goes on where it takes longer than wait_seconds; ask status then.
        """
        values = {"target": target, "goal": goal, "out": out, "pool": pool, "polymer_class": polymer_class,
                  "particles": particles, "source": source, "seed": seed, "resume": resume,
                  "quiet": True}  # fmt: skip
        return await _run("design", values, wait_seconds)

    async def predict(model: str, table: str, out: str, overwrite: bool = False) -> Answer:
        """Predict the materials of a table with the model of a finished screening, in the table's order.

        model: folder of the run, or of a saved model. table: file of formulas or SMILES. out: .csv or .parquet to
        write; the first rows are returned, a row that cannot be predicted with its reason.
        """
        words = flags({"model": model, "out": out, "overwrite": overwrite, "quiet": True})
        await runs.command(["predict", *words, placed(table, "table")])
        return {"file": out, "first_rows": rows_of(path_of(out))}

    async def status(folder: str) -> Answer:
        """Say how far a run is: finished (with its answer), running or unfinished (with the command to go on)."""
        found = _object(await runs.command(["status", "--json", placed(folder, "folder")]))
        finished = found.get("state") == "finished" and (path_of(folder) / "run.json").is_file()
        return {**found, **(answer_of(folder) if finished else {})}

    async def _run(command: str, values: Mapping[str, Any], wait: float) -> Answer:
        folder = placed(str(values["out"]), "out")
        if await runs.command([command, *flags(values)], max(0.0, min(wait, 600.0))) is None:
            return {"state": "running", "folder": folder, "next": "ask status"}
        return answer_of(folder)

    return [check, screen, design, predict, status]


def serve() -> None:
    """Answer on standard input and output until they are closed."""
    runs = Runs()

    @asynccontextmanager
    async def life(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await runs.end()

    server = MCPServer(
        "kakehashi", version=version("kakehashi"), instructions=INSTRUCTIONS, lifespan=life, log_level="WARNING"
    )
    for tool in tools(runs):
        server.add_tool(tool)
    server.run("stdio")


def _object(text: str | None) -> Answer:
    found: Answer = json.loads(text or "{}")
    return found
