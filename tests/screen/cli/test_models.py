"""The models commands and `kh.models`, on networks small enough to be trained here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kakehashi as kh
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.properties import table1
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError
from kakehashi.screen.api import transfer as api
from kakehashi.screen.models import train as training
from kakehashi.screen.models import verify as verifying
from kakehashi.screen.models.config import resolve
from kakehashi.screen.networks import kept as networks
from kakehashi.screen.networks.pretrain import Schedule
from kakehashi.screen.networks.source import Settings

if TYPE_CHECKING:
    from conftest import Tiny

Run = Callable[..., tuple[int, str, str]]
# With this seed both networks have three hidden layers.
FEW = ("--networks", "2", "--seed", "312")


def quick(*words: Any) -> Settings:
    return Settings(*words, schedule=Schedule(max_epochs=5))


@pytest.fixture(scope="module")
def trained(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one stack of two networks, trained by the command."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAKEHASHI_HOME", str(home))
        assert kh.main(["models", "train", "--source", f"{tiny.folder / 'source.csv'}:gap", *FEW, "--quiet"]) == 0
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path / "home")
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def do(*words: object) -> tuple[int, str, str]:
        code = kh.main(["models", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return do


def key_of(home: Path) -> str:
    (entry,) = (home / "models").iterdir()
    return entry.name


def test_a_trained_stack_is_listed_shown_and_found(home: Path, run: Run) -> None:
    key = key_of(home)
    assert (home / "models" / key / "kept").is_file()
    own = [row for row in json.loads(run("list", "--json")[1]) if row["origin"] == "library"]
    assert [(row["id"], row["property"], row["networks"], row["rows"]) for row in own] == [(key, "gap", 2, 160)]
    code, out, _ = run("show", key[:6], "--json")
    card = json.loads(out)
    assert (code, card["key"], card["n_estimators"], len(card["entries"])) == (0, key, 2, 2)
    assert card["split"].startswith("validation")
    assert {"model_name", "model_version", "date_added", "training_set", "model_params", "targets", "notes"} - {
        "date_added"
    } <= set(card)
    assert json.loads(run("show", f"{key}-1", "--json")[1])["entries"] == card["entries"][1:]
    rows = json.loads(run("query", "--property", "GAP", "--descriptor", "composition", "--json")[1])
    shipped = [row for row in rows if not row["id"].startswith(key[:16])]  # foundation networks of the package
    rows = [row for row in rows if row not in shipped]
    assert sorted(row["id"] for row in rows) == [f"{key[:16]}-0", f"{key[:16]}-1"]
    assert rows[0]["pearson_corr"] >= rows[1]["pearson_corr"]
    worst = rows[1]["mean_abs_error"] if rows[1]["mean_abs_error"] > rows[0]["mean_abs_error"] else 0
    assert len(json.loads(run("query", "--property", "gap", "--filter", f"mae<{worst}", "--json")[1])) == (worst > 0)
    code, out, _ = run("query", "--property", "gap", "--limit", 1)
    assert (code, out.splitlines()[-1]) == (
        0, f"{len(rows) + len(shipped)} networks, the first 1 shown",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("query", "--filter", "person>0.9"), "did you mean 'pearson'"),
        (("query", "--sort", "propety"), "did you mean 'property'"),
        (("query", "--limit", "0"), "--limit: expected at least 1"),
        (("show", "zz"), "expected the id of a model"),
        (("show", "00"), "4 digits at least"),
        (("show", "0123456789"), "no model has an id"),
        (("train",), "expected --source"),
        (("train", "--source", "gap.csv", "--networks", "0"), "--networks: expected at least 1"),
        (("train", "--source", "a", "--source", "a"), "given twice"),
        (("train", "--table1", "nowhere"), "expected the folder of the data"),
        (("train", "--table1", "x", "--trunk", "both"), "is for --source"),
        (("import", "absent.zip"), "no such file"),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_mistakes_are_one_line_and_exit_2(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_verify_sees_a_changed_weight_and_a_damaged_file(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of(home)
    assert [one["outcome"] for one in json.loads(run("verify", key, "--json")[1])] == ["bitwise"]
    found = shelf.find(key)
    assert found.arrays is not None
    card = found.card
    assert card is not None
    library = networks.networks_of(found.arrays)
    (source,) = library.sources
    evidence = source.evidence
    assert evidence is not None

    def rewrite(shift: float, machine: dict[str, str]) -> dict[str, Any]:
        moved = evidence._replace(predictions=evidence.predictions + np.float32(shift))
        arrays = networks.packed(library._replace(sources=(source._replace(evidence=moved),)))
        body = {name: value for name, value in card.items() if name != "card_sha256"}
        shelf.store(key, arrays, {**body, "machine": machine}, replace=True)
        return verifying.verify(key, home / "models" / key)._asdict()

    here, there = card["machine"], {**card["machine"], "processor": "another"}
    assert rewrite(1e-4, here)["outcome"] == "differs"
    close = rewrite(1e-4, there)
    assert close["outcome"] == "close"
    assert "written on processor another" in close["text"]
    assert rewrite(0.1, there)["outcome"] == "differs"
    code, out, err = run("verify")
    assert code == 6
    assert "not sound" in err
    assert "differs" in out
    path = home / "models" / key / shelf.ARRAYS
    path.write_bytes(path.read_bytes()[:-1])
    assert run("verify", "--quiet")[0] == 6
    assert verifying.verify(key, home / "models" / key).outcome == "damaged"


def test_a_library_moves_to_another_home(home: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, file = key_of(home), tmp_path / "library.zip"
    assert run("export", "--out", file, "--dry-run")[0] == 0
    assert not file.exists()
    assert run("export", "--out", file)[0] == 0
    assert run("export", "--out", file)[0] == 2
    before = kh.models.load(key).predict(["MgO", "PbTe"])
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "other"))
    assert json.loads(run("import", file, "--json")[1]) == {"added": [key], "present": []}
    assert kh.models.load(key).predict(["MgO", "PbTe"]).tobytes() == before.tobytes()
    assert run("verify", key)[0] == 0
    assert run("import", file)[1] == "0 stacks of networks added, 1 there already\n"


def test_an_import_of_something_else_is_refused(home: Path, run: Run, tmp_path: Path) -> None:
    from kakehashi.catalogs.models import archive

    shelf.store("e" * 64, {"structure": np.zeros(4, np.uint8)}, {"kind": "networks"})
    archive.write(tmp_path / "odd.zip", {"e" * 64: home / "models" / ("e" * 64)})
    shutil.rmtree(home / "models" / ("e" * 64))
    code, _, err = run("import", tmp_path / "odd.zip")
    assert code == 6
    assert "holds no networks" in err
    assert len(list((home / "models").iterdir())) == 1


def _no_scaling(source: Any) -> Any:
    return source._replace(scaling=None)


def _cut_layer(source: Any) -> Any:
    first = source.networks[0]
    layer = first.hidden[1]._replace(kernel=first.hidden[1].kernel[:-1])
    return source._replace(networks=(first._replace(hidden=(first.hidden[0], layer, *first.hidden[2:])),))


def _one_prediction(source: Any) -> Any:
    return source._replace(evidence=source.evidence._replace(predictions=source.evidence.predictions[:, :1]))


def _other_weights(source: Any) -> Any:
    return source._replace(evidence=source.evidence._replace(predictions=source.evidence.predictions + 1))


@pytest.mark.parametrize("harm", [_no_scaling, _cut_layer, _one_prediction, _other_weights, "seed", "entries"])
def test_networks_that_do_not_work_are_refused_at_import(
    home: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Any
) -> None:
    """Checksums and manifest are right; what they vouch for is not."""
    from kakehashi.catalogs.models import archive

    found = shelf.find(key_of(home))
    assert found.arrays is not None
    assert found.card is not None
    library = networks.networks_of(found.arrays)
    card = {name: value for name, value in found.card.items() if name != "card_sha256"}
    if isinstance(harm, str):
        card[harm] = {"seed": "x", "entries": [3]}[harm]
    else:
        library = library._replace(sources=(harm(library.sources[0]),))
    shelf.store("e" * 64, networks.packed(library), card, folder=tmp_path / "odd")
    archive.write(tmp_path / "odd.zip", {"e" * 64: tmp_path / "odd" / ("e" * 64)})
    code, _, err = run("import", tmp_path / "odd.zip")
    assert code == 6
    assert "holds no networks that can be read" in err
    assert [path.name for path in (home / "models").iterdir()] == [found.card["key"]]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"networks": 10**9}, "networks: expected a whole number from 1 to 10,000, got 1000000000"),
        ({"networks": -1}, "networks: expected a whole number from 1 to 10,000, got -1"),
        ({"property": "gap\x1b[2J"}, "property: expected printable characters, got 'gap\\x1b[2J'"),
        ({"seed": 313}, "seed: the card says '313', its networks '312'"),
        ({"convention": "cell"}, "convention: the card says 'cell', its networks 'reduced'"),
        ({"entries": 1}, "epochs of network 0: the card says"),
    ],
)
def test_a_card_that_says_what_is_not_so_is_refused_at_import(
    home: Path, run: Run, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    from kakehashi.catalogs.models import archive

    found = shelf.find(key_of(home))
    assert found.arrays is not None
    assert found.card is not None
    card = {name: value for name, value in found.card.items() if name != "card_sha256"}
    if "entries" in change:
        first, *rest = card["entries"]
        change = {"entries": [first | {"epochs": first["epochs"] + 1}, *rest]}
    shelf.store("e" * 64, found.arrays, card | change, folder=tmp_path / "odd")
    archive.write(tmp_path / "odd.zip", {"e" * 64: tmp_path / "odd" / ("e" * 64)})
    code, out, err = run("import", tmp_path / "odd.zip")
    assert (code, out) == (6, "")
    assert said in err
    assert "\x1b" not in err
    # The same card in the folder itself: said, and not listed.
    shutil.copytree(tmp_path / "odd" / ("e" * 64), home / "models" / ("e" * 64))
    code, out, err = run("list")
    assert "\x1b" not in out + err
    if "expected" in said:
        assert "is not in the index" in err
        assert "eeee" not in out
    for words in (("show", "eeee"), ("show", "eeee", "--json"), ("query",), ("list", "--json")):
        code, out, err = run(*words)
        assert code == 0
        assert "\x1b" not in out + err


def test_loaded_networks_predict_give_features_and_enter_a_transfer(home: Path, tiny: Tiny) -> None:
    loaded = kh.models.load(key_of(home)[:8])
    table = load_table(f"{tiny.folder / 'source.csv'}:gap", minimum=1)
    said = loaded.predict(table.materials)
    assert np.corrcoef(said, table.values)[0, 1] > 0.7
    each = loaded.predict(table.materials[:5], each=True)
    assert each.shape == (5, 2)
    assert each.mean(axis=1) == pytest.approx(said[:5])
    one = kh.models.load(f"{loaded.id}-1")
    assert one.predict(table.materials[:5]) == pytest.approx(each[:, 1])
    widths = [sum(network.widths) for network in loaded.source.networks]
    assert [f.shape for f in loaded.features(["MgO", "PbTe"])] == [(2, width) for width in widths]
    assert loaded.features(["MgO"], depth=1, activation="post")[0].shape == (1, loaded.source.networks[0].widths[-1])
    target = load_table(f"{tiny.folder / 'target.csv'}:kappa", log=True)
    model = kh.transfer(loaded.library, target, outer_folds=3, foundation="none", cache=False)
    assert any("saw 30 of the target's 30 formulas" in text for text in model.warnings)
    with pytest.raises(UserError, match=r"1 of 2 materials cannot be read: 'Xx'"):
        loaded.predict(["MgO", "Xx"])
    with pytest.raises(UserError, match="expected a list of materials"):
        loaded.predict("MgO")
    with pytest.raises(UserError, match="number of a network from 0 to 1"):
        kh.models.load(f"{loaded.id}-2")


def test_the_api_queries_like_the_command(home: Path, run: Run) -> None:
    found = kh.models.query(property="gap", descriptor="composition", min_pearson=-1)
    assert found.to_pylist() == json.loads(run("query", "--property", "gap", "--json")[1])
    assert kh.models.query(property="gap", min_pearson=1.1).num_rows == 0


def test_a_run_reuses_the_stack_only_if_it_never_saw_the_target(
    home: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target of `tiny` stands in its source: such a run must train without it."""
    table = load_table(f"{tiny.folder / 'source.csv'}:gap", minimum=1)
    target = load_table(f"{tiny.folder / 'target.csv'}:kappa", log=True)
    alien = replace(target, keys=tuple(f"not-{key}" for key in target.keys))

    class Asked(Exception):
        pass

    def train(*_: object, exclude: Any, **__: object) -> None:
        assert exclude == target.keys
        raise Asked

    monkeypatch.setattr(networks, "pretrain_source", train)
    settings = {"networks": 2, "seed": 312}
    assert kh.pretrain([table], **settings).sources[0].checkpoint == (key_of(home), True, "")
    assert kh.pretrain([table], exclude=alien, **settings).sources[0].checkpoint.reused
    with pytest.raises(Asked):
        kh.pretrain([table], exclude=target, **settings)


def test_exclude_trains_what_a_run_of_that_target_uses(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    source, target = f"{tiny.folder / 'source.csv'}:gap", f"{tiny.folder / 'target.csv'}:kappa"
    monkeypatch.setattr(training, "Settings", quick)
    monkeypatch.setattr(api, "Settings", quick)
    assert kh.main(["models", "train", "--source", source, "--exclude", target, *FEW, "--quiet"]) == 0
    monkeypatch.setattr(networks, "pretrain_source", lambda *_, **__: pytest.fail("trained again"))
    (again,) = kh.pretrain([source], exclude=load_table(target, log=True), networks=2, seed=312).sources
    assert again.checkpoint.reused
    assert not again.keys & set(load_table(target).keys)


def test_settings_come_from_a_file_and_flags_win(tmp_path: Path) -> None:
    file = tmp_path / "zoo.toml"
    file.write_text('source = ["a", "b"]\nnetworks = 7\ntrunk = "both"\n')
    config = resolve({"networks": 3, "seed": None}, str(file))
    assert (config.source, config.networks, config.trunk, config.seed) == (("a", "b"), 3, "both", 0)
    file.write_text("network = 7\n")
    with pytest.raises(UserError, match="did you mean networks"):
        resolve({}, str(file))


# --- Table 1 ---


def test_every_row_of_table_1_has_data_or_a_reason() -> None:
    rows = table1.properties()
    assert len({row.property for row in rows}) == len(rows)
    for row in rows:
        assert row.note
        assert bool(row.file) == bool(row.column) == bool(row.unit) == bool(row.given)
        assert row.property.split(".")[0] in ("organic", "inorganic")
    without = {row.property.rpartition(".")[2] for row in rows if not row.file}
    assert without == {
        "viscosity", "dielectric_constant_ionic", "dielectric_constant_electronic", "efermi",
        "scattering_phase_space", "lattice_thermal_conductivity",
    }  # fmt: skip


def test_values_come_in_the_stated_unit(tmp_path: Path) -> None:
    tg = next(row for row in table1.properties() if row.property.endswith("glass_transition_temperature"))
    (tmp_path / "organic").mkdir()
    smiles = [f"*{'C' * n}O*" for n in range(1, 4)]
    pq.write_table(pa.table({"smiles": [*smiles, smiles[0]], tg.column: [0.0, 26.85, None, 10.0]}), tmp_path / tg.file)
    table = table1.table(tg, tmp_path)
    assert (table.unit, table.values.tolist()) == ("K", pytest.approx([278.15, 300.0]))
    assert "given in degC, converted to K" in table.notes
    volume = next(row for row in table1.properties() if row.per)
    (tmp_path / "inorganic").mkdir()
    pq.write_table(
        pa.table({"material_id": ["a", "b"], "formula": ["Si", "MgO"], "volume": [40.0, 18.0], "n_sites": [2, None]}),
        tmp_path / volume.file,
    )
    table = table1.table(volume, tmp_path)
    assert (table.keys, table.values.tolist(), table.unit) == (("Si",), [20.0], "A3/atom")
    assert "no file" in table1.missing(next(row for row in table1.properties() if "qm9" in row.file), tmp_path)


def test_training_table_1_says_what_cannot_be_had(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    source = load_table(f"{tiny.folder / 'source.csv'}:gap", minimum=1)
    (tmp_path / "inorganic").mkdir()
    pq.write_table(
        pa.table({"composition": list(source.materials), "e_form": source.values}),
        tmp_path / "inorganic" / "matbench_mp_e_form.parquet",
    )
    few = pa.table({"composition": list(source.materials[:20]), "gap pbe": source.values[:20]})
    pq.write_table(few, tmp_path / "inorganic" / "matbench_mp_gap.parquet")
    words = ["models", "train", "--table1", str(tmp_path), *FEW, "--json", "--dry-run"]
    assert kh.main(words) == 0
    assert not (tmp_path / "home" / "models").exists()
    done = json.loads(capsys.readouterr().out)
    assert [row["property"] for row in done["made"]] == ["inorganic.crystal.formation_energy_per_atom"]
    assert done["made"][0]["unit"] == "eV/atom"
    reasons = {row["property"]: row["reason"] for row in done["missing"]}
    assert len(reasons) == len(table1.properties()) - 1
    assert "behind the Materials Project's API" in reasons["inorganic.crystal.efermi"]
    assert "expected at least 50" in reasons["inorganic.crystal.band_gap"]
    assert "no file" in reasons["organic.polymer.density"]


def test_the_real_files_are_as_table_1_says() -> None:
    folder = Path(__file__).parents[3].parent / "shared/data"
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}")
    import pyarrow.parquet

    for row in table1.properties():
        if row.file:
            names = pyarrow.parquet.read_schema(folder / row.file).names
            assert {row.column, *([row.per] if row.per else [])} <= set(names), row
