"""Nothing that steers a terminal is printed, whoever wrote it."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kakehashi.catalogs.shown import as_json, say, shortened, shown

# Escape sequences with ESC and with the C1 control, carriage return, writing direction, DEL, a lone surrogate.
STEERING = "\x1b[2J\x1b]0;title\x07\x9b31m\r\x08\u202e\u2066\x7f\udcff\u2028"
anything = st.text(st.characters(codec=None, categories=None))


def steers(text: str) -> set[str]:
    return {c for c in text if c in STEERING.replace("[", "") and not (c.isascii() and c.isprintable())} | {
        c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160
    }


@given(anything)
def test_a_text_is_one_line_of_signs_and_spaces(text: str) -> None:
    assert steers(shown(text)) == set()
    assert "\n" not in shown(text)
    assert shown(shown(text)) == shown(text)
    assert len(shown(text)) == len(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_is_written_for_people_stays(text: str) -> None:
    assert shown(text) == text


@given(anything, st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252"]))
def test_it_is_printed_whatever_the_encoding(text: str, encoding: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
        patched.setattr(sys, "stdout", stream)
        say(text)
        stream.flush()
        written = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert written.endswith("\n")
    assert steers(written) == set()
    assert written.count("\n") == text.count("\n") + 1


@given(
    st.recursive(anything | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(anything, inner))
)
def test_json_is_equal_when_it_is_read(value: object) -> None:
    for indent in (None, 2):
        text = as_json(value, indent)
        assert steers(text) == set()
        assert json.loads(text) == value


def test_json_stays_readable() -> None:
    assert as_json({"κ": "°C\x1b\u202e\U000e0001"}) == '{"κ": "°C\\u001b\\u202e\\udb40\\udc01"}'


def printed(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of `print` and of a rich console's `print`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            if name == "print":
                yield node


def is_safe(node: ast.expr) -> bool:
    """A constant, a table whose cells were made safe, numbers, or what one of the three returned."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name):
        return node.id in ("view", "table", "FIRST_SCREEN", "_VIRTUAL")
    if isinstance(node, ast.IfExp):
        return is_safe(node.body) and is_safe(node.orelse)
    if isinstance(node, ast.JoinedStr):
        specs = [getattr(part, "format_spec", None) for part in node.values if isinstance(part, ast.FormattedValue)]
        return all(spec is not None and ast.unparse(spec)[-2] in ",dfge%" for spec in specs)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        plain = name == "dumps" and all(word.arg != "ensure_ascii" for word in node.keywords)
        return plain or name in ("shown", "as_json")
    return False


def test_everything_printed_goes_one_way(root: Path) -> None:
    paths = [
        *(root / "kakehashi").glob("*.py"),
        *(p for room in ("catalogs", "screen", "design") for p in (root / room).rglob("*.py")),
    ]
    wrong = [
        f"{path.relative_to(root).as_posix()}:{call.lineno} {ast.unparse(call)[:80]}"
        for path in paths
        if path.name not in ("shown.py", "ship_networks.py")
        for call in printed(ast.parse(path.read_text(encoding="utf-8")))
        if not all(map(is_safe, call.args))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "line",
    ["print(x)", "print(f'{x}')", "console.print(name)", "print(json.dumps(x, ensure_ascii=False))", "print(a or 'b')"],
)
def test_a_planted_print_is_seen(line: str) -> None:
    (call,) = printed(ast.parse(line))
    assert not all(map(is_safe, call.args))


def test_errors_and_warnings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import kakehashi
    from kakehashi.screen.progress import Progress, warn

    bad = STEERING.replace("\udcff", "")
    for words in (["status", str(tmp_path / bad)], ["models", "show", bad], [bad], ["screen", f"--{bad}"],
                  ["catalogs", "show", bad], ["screen", "--target", f"{bad}.csv:x"]):  # fmt: skip
        assert kakehashi.main(words) == 2
    warn("auto", bad)
    Progress("auto").link(bad, bad)
    out, err = capsys.readouterr()
    assert steers(out + err) == set()
    assert len(err.splitlines()) >= 7


def test_a_catalogue_whose_service_writes_escapes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa

    import kakehashi
    from kakehashi.catalogs.pull.publish import publish
    from kakehashi.catalogs.reading import pulled

    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    bad = STEERING.replace("\udcff", "")
    schema = pulled.schema_of((pulled.Column("id", pa.string()), pulled.Column("formula", pa.string()),
                               pulled.Column(f"e[red]{bad}", pa.string(), bad)))  # fmt: skip
    rows = pa.table({"id": [bad], "formula": ["MgO"], f"e[red]{bad}": [bad]}, schema=schema)
    body = {"service": bad, "database_version": bad, "filter": bad, "date": bad, "licence": bad, "citation": bad}
    publish("mine", schema, iter([rows]), 1, body)
    for width in ("80", "200"):
        monkeypatch.setenv("COLUMNS", width)
        for words in (["list"], ["list", "--json"], ["show", "mine"], ["show", "mine", "--json"]):
            assert kakehashi.main(["catalogs", *words]) == 0
            out, err = capsys.readouterr()
            assert steers(out + err) == set(), words
    assert json.loads(out)["first_rows"][0]["id"] == bad


def test_the_status_of_a_run_whose_plan_holds_escapes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import kakehashi
    from kakehashi.catalogs.runs.rundir import RunDir
    from kakehashi.screen.runs.status import PLAN

    with RunDir(tmp_path / "run") as rundir:
        rundir.write_text(PLAN, json.dumps({"rows": 3, "partitions": 1, "command": f"kakehashi {STEERING}"}))
    assert kakehashi.main(["status", str(tmp_path / "run")]) == 0
    out, err = capsys.readouterr()
    assert "go on with: kakehashi" in out
    assert steers(out + err) == set()


def test_a_printed_repeat_unit_keeps_its_brackets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa

    from kakehashi.design.cli.design_text import show

    monkeypatch.setenv("COLUMNS", "200")
    unit = "*c1cc(*)[nH]c1"
    row = {"rank": 1, "smiles": unit, "class": None, "mean": 1.0, "lower": 0.5, "upper": 2.0, "p_goal": 0.5,
           "sa_score": 2.0, "monomer_1": "[nH]1cccc1", "monomer_2": None}  # fmt: skip
    record = {
        "properties": [], "sampler": {"evaluated": 1, "log_z": None}, "warnings": [], "timings": {},
        "proposals": {"listed": 1, "above_prior": 0}, "prior": {"quantile": 0.99, "p_goal": 0.1, "mean_p_goal": 0.05},
        "config": {"target": []},
    }  # fmt: skip
    show(record, pa.Table.from_pylist([row]), "runs/x")
    out = capsys.readouterr().out
    assert unit in out
    assert "[nH]1cccc1" in out


def test_quoted_texts_are_short() -> None:
    assert shortened("a\x1bb") == "a\N{REPLACEMENT CHARACTER}b"
    assert shortened("x" * 40) == "x" * 40
    assert shortened("x" * 41) == "x" * 39 + "…"
