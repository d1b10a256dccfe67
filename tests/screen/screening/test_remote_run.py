"""A screening whose results go to a URL: in memory, and to a server on this machine that speaks S3."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

import kakehashi
from kakehashi.catalogs.runs.manifest import decode
from kakehashi.catalogs.runs.open import results_at
from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.runs.rundir import HOLDER

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]
URL = "memory://runs/kappa"
TIMED = ("run.json", "report.html")
KEY = "hidden-from-everyone-who-looks"


@pytest.fixture
def memory() -> Iterator[dict[str, Any]]:
    MemoryFileSystem.store.clear()
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    capsys.readouterr()
    return kakehashi.main([str(word) for word in words]), *capsys.readouterr()


def same(results: Results, folder: Path) -> None:
    """A run at a URL has the files of one in a folder, and their bytes but for times."""
    there, here = results.manifest.files, Results(folder).manifest.files
    assert list(there) == list(here)
    assert {name: there[name] for name in there if name not in TIMED} == {
        name: here[name] for name in here if name not in TIMED
    }
    results.verify()


def test_a_screening_to_a_url(
    screen: Run, memory: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = screen("--out", URL, "--partition-rows", 9)
    assert (code, err.count("warning")) == (0, 0), err
    assert f"report: {URL}/report.html" in out
    assert screen("--out", tmp_path / "run", "--partition-rows", 9)[0] == 0
    same(results_at(URL), tmp_path / "run")
    assert not [name for name in memory if HOLDER in name]

    code, out, _ = run(capsys, "status", URL)
    assert code == 0
    assert out.startswith(f"{URL}: finished 20")
    assert "40 scored, 1 in quarantine, 0 left; partitions 5 of 5" in out
    assert out.splitlines()[-1].endswith("MB, all there")

    before = {name: file.getvalue() for name, file in memory.items()}
    code, out, _ = screen("--out", URL, "--partition-rows", 9, "--resume")
    assert (code, out) == (0, f"nothing to do: {URL} holds this run, finished\n")
    assert screen("--out", URL, "--partition-rows", 9)[0] == 2
    assert json.loads(screen("--out", URL, "--dry-run", "--json")[1])["committed"] == 5
    assert {name: file.getvalue() for name, file in memory.items()} == before

    code, out, _ = run(capsys, "next", URL, "--include-out", "--batch", 2)
    assert code == 0
    assert f"{URL}/next-2.csv" in out  # beside the batch of the screening itself
    assert {"/runs/kappa/next.csv", "/runs/kappa/next-2.csv"} <= set(memory)
    memory.pop("/runs/kappa/report.html")
    assert run(capsys, "report", URL, "--dry-run")[:2] == (0, f"{URL}/report.html\n")
    assert "/runs/kappa/report.html" not in memory
    assert run(capsys, "report", URL)[:2] == (0, f"{URL}/report.html\n")
    assert memory["/runs/kappa/report.html"].getvalue() == before["/runs/kappa/report.html"]
    assert run(capsys, "demo", "--out", URL)[0] == 2
    assert screen("--out", URL, "--overwrite")[0] == 0
    assert results_at(URL).names("scores/") == ["scores/part-00000.parquet"]
    assert memory["/runs/kappa/next.csv"].getvalue() == before["/runs/kappa/next.csv"]


@pytest.mark.fault
def test_harm_to_a_finished_run_is_code_6(
    screen: Run, memory: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert screen("--out", URL)[0] == 0
    MemoryFileSystem().pipe_file("/runs/kappa/ranking.csv", b"rank\n")
    for words in ([*screen("--out", URL, "--resume")], [*run(capsys, "status", URL)]):
        assert words[0] == 6
        assert f"{URL}/ranking.csv is damaged" in words[2]
    del memory["/runs/kappa/ranking.csv"]
    code, _, err = screen("--out", URL, "--resume")
    assert code == 6
    assert f"{URL}/ranking.csv is missing" in err


def test_the_functions_take_urls(tiny: Tiny, tiny_model: Model, memory: dict[str, Any]) -> None:
    record = kakehashi.screen(tiny_model, catalog=str(tiny.folder / "catalog.csv"), out=URL)
    assert json.loads(memory["/runs/kappa/run.json"].getvalue()) == record


@pytest.mark.fault
def test_a_service_that_goes_away(
    screen: Run, memory: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Midway: one line with the command that goes on, which computes nothing again that was committed."""
    put, calls = MemoryFileSystem.put_file, []

    def gone(self: MemoryFileSystem, here: str, there: str, **named: Any) -> None:
        calls.append(there)
        if len(calls) > 6:
            raise ConnectionError(f"no answer for {KEY}")
        put(self, here, there, **named)

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "put_file", gone)
        code, out, err = screen("--out", URL, "--partition-rows", 9)
    assert (code, out) == (5, "")
    name = "quarantine/part-00002.parquet"
    assert f"could not write {URL}/{name} (no answer for ***); go on with: kakehashi screen" in err
    scored = []
    monkeypatch.setattr(
        "kakehashi.screen.screening.run.score_serially",
        lambda scoring, tables: (scored.append(t) or scoring(t) for t in tables),
    )
    assert screen("--out", URL, "--partition-rows", 9, "--resume")[0] == 0
    assert len(scored) == 2
    assert screen("--out", tmp_path / "run", "--partition-rows", 9)[0] == 0
    same(results_at(URL), tmp_path / "run")


@pytest.mark.parametrize(
    ("url", "said"),
    [(f"s3://ME:{KEY}@bucket/run", "without credentials"), ("nope://bucket/run", "Protocol not known: nope")],
)
@pytest.mark.parametrize("more", [[], ["--resume"], ["--overwrite"], ["--dry-run"]], ids=" ".join)
def test_urls_of_no_use(screen: Run, url: str, said: str, more: list[str]) -> None:
    code, out, err = screen("--out", url, *more)
    assert (code, out) == (2, "")
    assert said in err
    assert KEY not in err
    assert err.count("\n") == 1


DIE = """
import os, signal, sys
import kakehashi
from kakehashi.catalogs.runs.store import Store

uploads = []

def upload(self, name, path, entry, whole=Store.upload):
    uploads.append(name)
    if len(uploads) == 6:
        self._fs.put_file(str(path), self._path(name))
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, name, path, entry)

Store.upload = upload
sys.exit(kakehashi.main(sys.argv[1:]))
"""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket of a server on this machine; credentials and address are in the environment alone."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    server.stop()


def objects(client: Any) -> dict[str, bytes]:
    listed = client.list_objects_v2(Bucket="bucket", Prefix="run/").get("Contents", [])
    return {
        entry["Key"].removeprefix("run/"): client.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read()
        for entry in listed
    }


@pytest.mark.fault
def test_a_run_to_s3_that_is_killed_goes_on_elsewhere(
    screen: Run,
    tiny: Tiny,
    tiny_run: tuple[Path, Any],
    bucket: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SIGKILL when a partition has arrived and the manifest does not say so yet; the copy of that machine is lost."""
    url, rows = "s3://bucket/run", ["--partition-rows", "9"]
    home = {**os.environ, "KAKEHASHI_HOME": str(tiny_run[0].parent / "home")}
    words = [sys.executable, "-c", DIE, "screen", *tiny.flags, *rows, "--out", url, "--quiet"]
    killed = subprocess.run(words, capture_output=True, text=True, timeout=300, env=home, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = objects(bucket)
    manifest = decode(left["manifest.json"], "there")
    assert HOLDER in left
    assert len(manifest.files) == 5
    assert manifest.pending is not None
    assert manifest.pending[0] in left

    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    code, out, _ = run(capsys, "status", url)
    assert (code, out.splitlines()[0]) == (0, f"{url}: unfinished")
    assert screen("--out", tmp_path / "run", *rows)[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: "elsewhere")
        code, out, err = screen("--out", url, *rows, "--resume")
        assert (code, out) == (4, "")
        assert f"if it was killed, delete {url}/{HOLDER}" in err
    code, out, err = screen("--out", url, *rows, "--resume")
    assert code == 0, err
    assert f"report: {url}/report.html" in out
    same(results_at(url), tmp_path / "run")
    assert sorted(objects(bucket)) == sorted([*results_at(url).names(), "manifest.json"])
    assert not [name for name, data in objects(bucket).items() if KEY.encode() in data]


@pytest.mark.fault
def test_s3_that_refuses(screen: Run, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = screen("--out", "s3://nobucket/run")
    assert code == 5
    assert err.startswith("error: could not list s3://nobucket/run (The specified bucket does not exist); go on with: ")
    assert err.endswith("--out s3://nobucket/run --resume\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    code, _, err = screen("--out", "s3://bucket/run")
    assert code == 5
    assert "Unable to locate credentials: set AWS_ACCESS_KEY_ID" in err
    assert err.count("\n") == 1
