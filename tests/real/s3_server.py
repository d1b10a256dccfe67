"""A second server that speaks S3 (s3rver, of npm): a run to a bucket, killed, gone on with, and read from it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.real.parts import (
    INSTALLED,
    Unavailable,
    at_home,
    called,
    check,
    end,
    free_port,
    kakehashi,
    listens,
    node_module,
    started,
    succeed,
    wait_for,
)

PACKAGE = "s3rver@3.7.1"
BUCKET, PARTITIONS = "runs", 24
LARGE = 110 * 2**20
"""Bytes of a file that is sent in several parts."""


def run(work: Path) -> list[str]:
    """Compare runs in a folder and in a bucket; Failed unless their rankings are the same bytes."""
    for name in ("s3fs", "boto3"):
        _needed(name)
    if not (node := shutil.which("node")):
        raise Unavailable("node is not installed")
    script = node_module(INSTALLED / "s3rver", PACKAGE) / "bin" / "s3rver.js"
    port, kept, home = free_port(), work / "buckets", work / "home"
    kept.mkdir()
    home.mkdir()
    command = [node, script, "-d", kept, "-a", "127.0.0.1", "-p", port, "--configure-bucket", BUCKET]
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "S3RVER",
        "AWS_SECRET_ACCESS_KEY": "S3RVER", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    with started(command, work / "s3rver.log", ready=lambda: listens(port)):
        return [PACKAGE, *_tried(work, home, environment), _sent_in_parts(work, environment)]


def _tried(work: Path, home: Path, environment: Mapping[str, str]) -> list[str]:
    whole, cut = f"s3://{BUCKET}/whole", f"s3://{BUCKET}/cut"
    succeed(*_words(work / "folder"), home=home)
    truth = _sums(work / "folder")
    succeed(*_words(whole), home=home, **environment)
    check(_sums(_fetched(whole, work / "whole", environment)) == truth, "the ranking of a folder in the bucket")
    said = [f"a run in a folder and one in a bucket: ranking.parquet {truth[0][:16]}, the same bytes"]

    arrived = work / "buckets" / BUCKET / "cut" / "scores"
    own = at_home(home, **environment)
    log = (work / "cut.log").open("wb")
    process = subprocess.Popen(kakehashi(*_words(cut)), env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for("a partition in the bucket", lambda: process.poll() is not None or _files(arrived) > 2, 300)
        code, _, error = called(*_words(cut), "--resume", home=home, **environment)
        check(process.poll() is None and code == 4, "a second run to the same place exits 4", error)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        end(process)
        log.close()
    done = _files(arrived)
    check(0 < done < PARTITIONS, "the run was killed midway", done)
    out = succeed("status", cut, home=home, **environment)
    check("unfinished" in out, "its status is unfinished", out)
    other = work / "other"  # the working copy of the killed run is lost
    other.mkdir()
    succeed(*_words(cut), "--resume", home=other, **environment)
    check(_sums(_fetched(cut, work / "again", environment)) == truth, "the ranking of a run that was killed")
    said.append(f"killed after {done} of {PARTITIONS} partitions, gone on with from another home: the same bytes")
    damaged = max(arrived.rglob("*_object"), key=lambda path: path.name, default=None)
    check(damaged is not None, "an object on the server's disk", list(arrived.rglob("*"))[:5])
    assert damaged is not None
    damaged.write_bytes(damaged.read_bytes()[:-1])
    code, _, error = called("status", cut, home=other, **environment)
    check(code == 6 and "damaged" in error, "an object cut short on the server's disk is code 6", (code, error))
    said.append(error.strip().splitlines()[-1])
    return said


def _words(out: object) -> list[object]:
    """A small screening in partitions."""
    flags = ["--target", "ltc", "--log", "--source", "none", "--outer-folds", 3, "--catalog", "mp_formulas"]
    return ["screen", *flags, "--limit", 100 * PARTITIONS, "--partition-rows", 100, "--out", out]


def _files(folder: Path) -> int:
    return len({path.name.partition("._S3rver")[0] for path in folder.glob("*")}) if folder.is_dir() else 0


def _fetched(url: str, folder: Path, environment: Mapping[str, str]) -> Path:
    """The files of a run, downloaded by a client that is not the product's."""
    client = _client(environment)
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for entry in page.get("Contents", []):
            path = folder / entry["Key"].removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, entry["Key"], str(path))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name, entry in manifest["files"].items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        check(digest == entry["sha256"], f"{name} is what the manifest in the bucket says")
    return folder


def _client(environment: Mapping[str, str]) -> Any:
    import boto3

    return boto3.client(
        "s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id="S3RVER", aws_secret_access_key="S3RVER",
    )  # fmt: skip


def _sent_in_parts(work: Path, environment: Mapping[str, str]) -> str:
    """Upload a large file through the product's own store and read it back."""
    from kakehashi.catalogs.runs.manifest import Entry
    from kakehashi.catalogs.runs.store import Store

    file = work / "large"
    file.write_bytes(secrets.token_bytes(LARGE))
    entry = Entry(LARGE, hashlib.sha256(file.read_bytes()).hexdigest())
    former = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        store = Store(f"s3://{BUCKET}/large")
        store.upload("file", file, entry)
        check(store.holds("file", entry), "a large file is there with its bytes")
        store.remove("file")
        check(store.names() == [], "nothing is left of it", store.names())
    finally:
        for name, value in former.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return f"a file of {LARGE / 2**20:.0f} MB, sent in parts, read back whole"


def _sums(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("ranking.parquet", "ranking.csv")]


def _needed(name: str) -> None:
    from importlib.util import find_spec

    if find_spec(name) is None:
        raise Unavailable(f"{name} is not installed: pip install 'kakehashi[s3]' boto3")
