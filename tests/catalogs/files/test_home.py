"""The folder of caches is the user's alone, or nothing in it is believed."""

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

import kakehashi
from kakehashi.catalogs.files import home
from kakehashi.catalogs.files.home import SharedFolder, cache_folder, cache_folder_or_none, why_shared
from kakehashi.catalogs.models import index as model_index
from kakehashi.catalogs.models import library
from kakehashi.catalogs.molecules import monomers
from kakehashi.catalogs.reading import pulled
from kakehashi.catalogs.records import UserError

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners on this system")
KEY = "a" * 64
CONTENT = {"x": np.arange(3.0)}
OPEN = [0o775, 0o757, 0o777, 0o720, 0o702]


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(home.SHARED, raising=False)
    return tmp_path / "home"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_what_is_made_is_for_nobody_else_whatever_the_umask(own: Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        assert library.store(KEY, CONTENT, {}) == ""
        library.keep(own / "models" / KEY)
    finally:
        os.umask(former)
    assert mode(own) == mode(own / "models") == mode(own / "models" / KEY) == 0o700
    assert library.find(KEY).warning == ""
    assert library.find(KEY).arrays is not None


@pytest.mark.fault
@pytest.mark.parametrize("wide", OPEN)
@pytest.mark.parametrize("where", [".", "models", f"models/{KEY}"])
def test_a_folder_others_may_write_to_is_refused_with_the_chmod_that_ends_it(own: Path, where: str, wide: int) -> None:
    library.store(KEY, CONTENT, {})
    path = own if where == "." else own / where
    path.chmod(wide)
    with pytest.raises(SharedFolder, match=rf"{path} may be written to by others \(mode {wide:04o}\): chmod -R go-w "):
        library.find(KEY)
    os.system(f"chmod -R go-w {path}")
    assert library.find(KEY).arrays is not None


@pytest.mark.fault
@pytest.mark.parametrize("name", [library.CARD, library.ARRAYS])
def test_a_file_others_may_write_to_is_refused(own: Path, name: str) -> None:
    library.store(KEY, CONTENT, {})
    (own / "models" / KEY / name).chmod(0o664)
    assert library.find(KEY).arrays is not None, "nobody else gets there"
    (own / "models" / KEY).chmod(0o755)
    with pytest.raises(SharedFolder, match=f"the file of caches .*{name} may be written to by others"):
        library.find(KEY)


@pytest.mark.fault
def test_a_folder_of_another_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_folder()
    me = os.geteuid()
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: me + 1)
        if me != 0:
            assert f"belongs to user {me}, not to you ({me + 1}): chown -R {me + 1} " in why_shared(own)
            return
        assert why_shared(own) == "", "what root owns is nobody's to forge"
    os.chown(own, 12345, 12345)
    with pytest.raises(SharedFolder, match=r"belongs to user 12345, not to you \(0\): chown -R 0 "):
        cache_folder()


@pytest.mark.fault
def test_nothing_that_only_saves_time_hides_it(own: Path) -> None:
    cache_folder().chmod(0o777)
    asked = (monomers.table.__wrapped__, pulled.names, model_index.query, lambda: cache_folder_or_none("x"))
    for ask in (*asked, lambda: library.store(KEY, CONTENT, {}), library.folders):
        with pytest.raises(SharedFolder, match="chmod -R go-w"):
            ask()  # type: ignore[operator]


def test_without_a_folder_caches_are_done_without(own: Path) -> None:
    own.write_text("a file")
    assert cache_folder_or_none() is None
    with pytest.raises(UserError, match="cannot create the cache folder"):
        cache_folder()


@pytest.mark.parametrize("said", ["1", "true", "yes"])
def test_shared_knowingly_by_the_environment(own: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    library.store(KEY, CONTENT, {})
    own.chmod(0o777)
    (own / "models").chmod(0o777)
    monkeypatch.setenv(home.SHARED, said)
    assert library.find(KEY).arrays is not None
    monkeypatch.setenv(home.SHARED, "0")
    with pytest.raises(SharedFolder, match="--shared-home"):
        library.find(KEY)


def test_shared_knowingly_by_the_flag_of_any_command(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache_folder().chmod(0o777)
    assert kakehashi.main(["models", "list"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"chmod -R go-w {own}" in err
    for words in (["models", "list", "--json", "--shared-home"], ["--shared-home", "models", "list", "--json"]):
        assert kakehashi.main(words) == 0
        assert isinstance(json.loads(capsys.readouterr().out), list)
    assert home.SHARED not in os.environ


def test_shared_knowingly_by_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kakehashi.screen.runs.config import from_toml
    from kakehashi.screen.screening.config import ScreenConfig

    monkeypatch.setenv(home.SHARED, "")
    (tmp_path / "run.toml").write_text("shared-home = true\nseed = 3\n")
    assert from_toml(tmp_path / "run.toml", ScreenConfig) == {"seed": 3}
    assert home.is_shared_knowingly()
    (tmp_path / "run.toml").write_text("shared_home = 'yes'\n")
    with pytest.raises(UserError, match="shared_home: expected true or false, got 'yes'"):
        from_toml(tmp_path / "run.toml", ScreenConfig)


def test_doctor_names_the_command(own: Path) -> None:
    from kakehashi.screen.cli.doctor import check_cache

    assert check_cache().ok
    own.chmod(0o770)
    check = check_cache()
    assert (check.ok, check.fix) == (False, f"chmod -R go-w {own}")
    assert "may be written to by others" in check.detail
    own.chmod(0o700)
    (own / "models").mkdir()
    (own / "models").chmod(0o777)
    assert check_cache().fix == f"chmod -R go-w {own}/models"
