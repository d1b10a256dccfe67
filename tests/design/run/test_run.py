"""Whole design runs on planted polyamides: what is written, resumed, compared and refused."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

import kakehashi
from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.molecules.registered import find_registered
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.design.chemistry.blocks import Molecule
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import PROPOSED
from kakehashi.design.proposals.reactions.reactions import Reactions
from kakehashi.design.run import run as design_run
from kakehashi.design.run.config import resolve
from kakehashi.design.run.inputs import DesignInputs, read_inputs
from kakehashi.screen.progress import Progress


def chain(k: int) -> str:
    return "C" * k


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Nylons whose value grows with the length of the diamine, a source of molecules, and a pool of monomers."""
    folder = tmp_path_factory.mktemp("polyamides")
    units = [
        (f"*N{chain(k)}NC(=O){chain(m)}C(=O)*", 0.2 + 0.02 * k - 0.005 * m) for k in range(2, 10) for m in range(1, 9)
    ]
    kinds = ("{}", "N{}N", "OC(=O){}C(=O)O", "O{}O", "{}N")
    molecules = [
        (kind.format(chain(k)), 0.1 + 0.01 * k + 0.02 * j) for j, kind in enumerate(kinds) for k in range(2, 16)
    ]
    for name, rows in (("target", units), ("source", molecules)):
        text = "\n".join(f"{smiles},{value:.4f}" for smiles, value in rows)
        (folder / f"{name}.csv").write_text(f"smiles,conductivity\n{text}\n")
    pool = [f"N{chain(k)}N" for k in range(2, 15)] + [f"OC(=O){chain(m)}C(=O)O" for m in range(1, 12)]
    pool += ["Nc1ccc(N)cc1", "Nc1cccc(N)c1", "OC(=O)c1ccc(cc1)C(=O)O", "OC(=O)c1cccc(c1)C(=O)O"]
    rows = "\n".join(f"{smiles},monomer {row}" for row, smiles in enumerate(pool))
    (folder / "pool.csv").write_text(f"smiles,name\nCl.NCCN,a salt\n{rows}\n")
    return folder


def flags(files, out, **more):
    return {
        "target": [f"{files}/target.csv:conductivity"], "source": [f"{files}/source.csv:conductivity"],
        "pool": f"{files}/pool.csv", "goal": ["conductivity>0.42"], "networks": 1, "outer_folds": 3, "particles": 120,
        "prior_draws": 1000, "workers": 1, "heads": ["ridge"], "top": 50, "seed": 3, "out": str(out), **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def finished(files, tmp_path_factory):
    """A finished run, its folder and its record, and the models it was made with."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    config = resolve(flags(files, out), None)
    inputs = read_inputs(config)
    models = design_run.build_models(config, inputs, Progress("quiet"))
    made = design_run.proposer(config)
    with RunDir(out) as rundir:
        outcome = design_run.finish(config, inputs, models, made, rundir, Progress("quiet"), "kakehashi design")
    return config, inputs, models, made, outcome


def again(finished, out, **changes):
    """The same run elsewhere."""
    config, inputs, models, made, _ = finished
    config = replace(config, out=str(out), **changes)
    with RunDir(out, resume=True) as rundir:
        return design_run.finish(config, inputs, models, made, rundir, Progress("quiet"), "kakehashi design")


def test_proposals_are_new_valid_distinct_and_can_be_made(finished, files):
    table = finished[-1].proposals
    rows = table.to_pylist()
    assert len(rows) == 50
    assert [row["rank"] for row in rows] == list(range(1, 51))
    keys = [polymers.parse(row["smiles"])[1] for row in rows]
    assert [row["smiles"] for row in rows] == keys
    assert len(set(keys)) == len(keys)
    known = {polymers.parse(line.split(",")[0])[1] for line in (files / "target.csv").read_text().split("\n")[1:-1]}
    assert not known & set(keys)
    for row in rows:
        routes = {(made.polymer_class, *made.monomers) for made in classify(row["smiles"])}
        assert (row["class"], *filter(None, (row["monomer_1"], row["monomer_2"]))) in routes
        assert row["lower"] < row["mean"] < row["upper"]
        assert 0 <= row["p_goal"] <= 1
        assert row["domain"] in ("in", "edge", "out")
        assert 0 <= row["novelty"] <= 1
        assert row["nearest_training"] in known


def test_proposals_meet_the_goal_better_than_the_prior(finished):
    config, *_, outcome = finished
    prior = pq.read_table(Path(config.out) / "prior.parquet")["p_goal"].to_numpy()
    found = outcome.proposals["p_goal"].to_numpy()
    assert np.median(found[:20]) > np.quantile(prior, 0.95)
    record = outcome.record
    assert record["proposals"]["above_prior"] == int((found > np.quantile(prior, 0.999)).sum())
    # The planted value grows with the diamine: so must what is proposed.
    lengths = [row["monomer_1"].count("C") for row in outcome.proposals.slice(0, 20).to_pylist()]
    assert np.median(lengths) >= 9


def test_the_monomers_are_an_sd_file(finished):
    file = Path(finished[0].out) / "monomers.sdf"
    found = {mol.GetProp("SMILES"): mol.GetProp("PROPOSALS").split() for mol in Chem.SDMolSupplier(str(file))}
    rows = finished[-1].proposals.to_pylist()
    assert set(found) == {row[f"monomer_{k}"] for row in rows for k in (1, 2)} - {""}
    assert all(str(row["rank"]) in found[row["monomer_1"]] for row in rows)


def test_the_folder_holds_what_a_reader_needs(finished):
    out = Path(finished[0].out)
    for name in ("proposals.parquet", "proposals.csv", "trace.parquet", "prior.parquet", "leaderboard.parquet",
                 "predictions.parquet", "quarantine_training.parquet", "quarantine_training.csv", "run.json",
                 "report.html"):  # fmt: skip
        assert (out / name).stat().st_size
    trace = pq.read_table(out / "trace.parquet")
    assert trace["inverse_temperature"].to_pylist()[0] == 0.0
    assert trace["inverse_temperature"].to_pylist()[-1] == 1.0
    record = json.loads((out / "run.json").read_text())
    assert record["kind"] == "design"
    assert record["goals"] == ["conductivity>0.42"]
    assert "smiles" in pq.read_schema(out / "predictions.parquet").names


def test_a_salt_in_the_pool_is_counted_and_names_come_out_again(finished, files):
    config, *_, outcome = finished
    rejected = pq.read_table(Path(config.out) / "quarantine_training.parquet").to_pylist()
    assert [(row["table"], row["row"], row["id"], row["formula"]) for row in rejected] == [
        ("pool", 1, "a salt", "Cl.NCCN")
    ]
    assert outcome.record["pool"]["rejected"] == 1
    assert any("molecules set aside" in text for text in outcome.record["warnings"])
    names = {}
    for line in (files / "pool.csv").read_text().split("\n")[2:-1]:
        smiles, name = line.split(",")
        names[polymers.parse(smiles, 0)[0]] = name
    rows = outcome.proposals.to_pylist()
    shown = {}
    for row in rows:
        for k in (1, 2) if row["monomer_2"] else (1,):
            listed = find_registered(row[f"monomer_{k}"])
            shown[row[f"monomer_{k}"]] = names.get(row[f"monomer_{k}"], listed.name if listed else "")
            assert row[f"monomer_{k}_name"] == shown[row[f"monomer_{k}"]]
            assert row[f"monomer_{k}_cas"] == (listed.cas if listed else "not registered")
    assert {row["monomer_1_cas"] for row in rows} > {"not registered"}
    drawn = list(Chem.SDMolSupplier(str(Path(config.out) / "monomers.sdf")))
    for mol in drawn:
        name = shown[mol.GetProp("SMILES")]
        assert (mol.GetProp("NAME") if mol.HasProp("NAME") else "") == name
        assert mol.GetProp("_Name").endswith(f"({mol.GetProp('CAS')})")
        assert mol.GetProp("_Name").startswith(name or "monomer ")


@pytest.mark.parametrize("kept", [1, 3])
def test_a_killed_run_goes_on_to_the_same_bytes(finished, tmp_path, monkeypatch, kept):
    class KilledError(Exception):
        pass

    real, count = design_run.stored.save, 0

    def save(*arguments):
        nonlocal count
        if count == kept:
            raise KilledError
        count += 1
        real(*arguments)

    monkeypatch.setattr(design_run.stored, "save", save)
    with pytest.raises(KilledError):
        again(finished, tmp_path / "killed")
    monkeypatch.setattr(design_run.stored, "save", real)
    again(finished, tmp_path / "killed")
    for name in ("proposals.parquet", "trace.parquet"):
        assert (tmp_path / "killed" / name).read_bytes() == (Path(finished[0].out) / name).read_bytes()


def test_checkpoints_of_another_run_are_not_gone_on_from(finished, tmp_path):
    again(finished, tmp_path / "one", seed=4)
    (tmp_path / "one" / "run.json").unlink()
    assert again(finished, tmp_path / "one").proposals.equals(finished[-1].proposals)


def test_a_run_of_other_monomers_or_fragments_is_another():
    """Derivations are numbers: equal draws of two pools of one shape do not make them one run."""

    class Models:
        def identities(self):
            return {}

    config = resolve({"target": ["a.csv:x"], "goal": ["x>1"], "pool": "pool.csv", "growth": "off"}, None)
    inputs = DesignInputs((), (), (), "")

    def identity(*texts, given=inputs, rules=PROPOSED):
        made = Reactions([Molecule(text) for text in texts], rules, growth=False)
        return design_run._identity(config, given, Models(), made)

    first = identity("NCCCN", "O=C(O)CC(=O)O")
    assert first == identity("NCCCN", "O=C(O)CC(=O)O")
    assert first != identity("NCC(C)N", "O=C(O)CC(=O)O")
    assert first != identity("NCCCN", "O=C(O)CC(=O)O", given=inputs._replace(fragments=("c1ccccc1",)))
    renamed = [rule._replace(words=f"{rule.words}, otherwise") for rule in PROPOSED]
    assert first != identity("NCCCN", "O=C(O)CC(=O)O", rules=renamed)


def test_the_number_of_processes_changes_nothing(finished, tmp_path):
    assert again(finished, tmp_path / "two", workers=2).proposals.equals(finished[-1].proposals)


def test_the_iqspr_rule_is_for_comparison_and_says_so(finished, tmp_path):
    outcome = again(finished, tmp_path / "rule", sampler="iqspr")
    assert any("for comparison only" in text for text in outcome.record["warnings"])
    assert outcome.record["sampler"]["log_z"] is None


def test_the_command_line_and_the_function_make_the_same_proposals(finished, tmp_path, capsys):
    config, _, models, _, outcome = finished
    (model,) = models.values()
    found = kakehashi.design(
        model, "conductivity > 0.42", out=tmp_path / "api", pool=config.pool, particles=120, prior_draws=1000, top=50,
        seed=3,
    )  # fmt: skip
    assert found.equals(outcome.proposals)


def test_an_exact_design_of_own_monomers_scores_all_and_goes_on(finished, tmp_path, monkeypatch):
    config, inputs, models, *_ = finished
    own = replace(config, out=str(tmp_path / "all"), sampler="exact", monomers="pool", top=10)
    made = design_run.proposer(own, inputs.pool)
    with RunDir(own.out) as rundir:
        outcome = design_run.finish(own, inputs, models, made, rundir, Progress("quiet"), "kakehashi design")
    rows = outcome.proposals.to_pylist()
    mine = inputs.pool.named()
    assert rows
    assert all(row[f"monomer_{k}"] in mine for row in rows for k in (1, 2) if row[f"monomer_{k}"])
    shares = np.array([row["posterior"] for row in rows])
    assert (shares > 0).all()
    assert shares.sum() <= 1 + 1e-9
    # Every unit was scored: nothing that can be listed is likelier than the first.
    units = [text for text in made.smiles(made.draw(np.random.default_rng(0), 300)) if text]
    assert outcome.record["sampler"]["evaluated"] >= len(set(units))
    assert outcome.record["sampler"]["log_z_error"] == 0.0
    counted = outcome.proposals["particles"].to_numpy() / config.particles
    assert np.abs(counted - shares).max() <= 1.01 / config.particles + 0.01
    monkeypatch.setattr(design_run.Surrogate, "log_likelihood", lambda *_: pytest.fail("scored again"))
    with RunDir(own.out, resume=True) as rundir:
        again = design_run.finish(own, inputs, models, made, rundir, Progress("quiet"), "kakehashi design")
    assert again.proposals.equals(outcome.proposals)
    assert "are exact" in (tmp_path / "all" / "report.html").read_text()


def test_the_next_units_of_a_design_come_of_its_folder(finished, tmp_path, capsys):
    out = tmp_path / "copied"
    shutil.copytree(finished[0].out, out)
    assert kakehashi.main(["next", str(out), "--batch", "3", "--include-out"]) == 0
    said = capsys.readouterr().out
    assert "Best known" in said
    with (out / "next.chemist.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    listed = {row["smiles"]: row for row in finished[-1].proposals.to_pylist()}
    assert [listed[row["repeat_unit"]]["monomer_1"] for row in rows] == [row["monomer_1"] for row in rows]
    (tmp_path / "new.csv").write_text(f"smiles,conductivity\n{rows[0]['repeat_unit']},0.45\n")
    words = ["next", str(out), "--batch", "2", "--include-out", "--tell", f"{tmp_path}/new.csv:conductivity", "--json"]
    assert kakehashi.main(words) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["best_known"]["value"] == 0.45
    assert rows[0]["repeat_unit"] not in {row["formula"] for row in record["batch"]}


def bad(files, out, **more):
    words = []
    for name, value in flags(files, out, **more).items():
        for text in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}", str(text)]
    return ["design", *words]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"goal": ["tg>400"]}, "no property 'tg'"),
        ({"goal": ["0.5<conductivity<0.4"]}, "no value lies above"),
        ({"goal": ["conductivity>0.5 K"]}, "K"),
        ({"polymer_class": ["polynonsense"]}, "--polymer-class: expected some of"),
        ({"proposal": "magic"}, "--proposal: expected one of"),
        ({"particles": 2}, "--particles: expected at least 10"),
        ({"target": ["nothing.csv:conductivity"]}, "nothing.csv"),
        ({"target": ["ltc"], "goal": ["ltc>1"]}, "expected repeat units"),
        ({"source": ["volume_per_atom"]}, "volume_per_atom has formulas"),
    ],
)
def test_mistakes_are_one_clear_line(files, tmp_path, capsys, change, said):
    assert kakehashi.main([*bad(files, tmp_path / "x", **change), "--dry-run"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [([], "has a header but no rows"), (["CCC"], "no polymerisation is possible"), (["C1CC"], "row 1 (C1CC)")],
)
def test_a_pool_nothing_can_be_made_of_is_refused(files, tmp_path, capsys, rows, said):
    (tmp_path / "pool.csv").write_text("\n".join(["smiles", *rows]) + "\n")
    assert kakehashi.main([*bad(files, tmp_path / "x", pool=tmp_path / "pool.csv"), "--dry-run"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("name", "role"), [("target", "target"), ("source", "source")])
def test_resume_of_a_finished_run_names_the_input_that_changed(finished, files, monkeypatch, capsys, name, role):
    monkeypatch.setattr(design_run, "build_models", lambda *_: pytest.fail("trained"))
    words = [*bad(files, finished[0].out), "--resume"]
    assert kakehashi.main(words) == 0
    assert capsys.readouterr().out.startswith("nothing to do")
    file = files / f"{name}.csv"
    before = file.read_bytes()
    try:
        file.write_bytes(before + b"*NCC(=O)*,0.3\n")
        assert kakehashi.main(words) == 2
    finally:
        file.write_bytes(before)
    said = capsys.readouterr().err
    assert f"{role} {file}:conductivity has sha256" in said
    assert said.count("has sha256") == 1


def test_resume_of_a_finished_run_of_other_settings_names_them(finished, files, capsys):
    assert kakehashi.main([*bad(files, finished[0].out, seed=4), "--resume"]) == 2
    assert "another configuration (seed)" in capsys.readouterr().err


def test_repeat_units_that_are_none_are_set_aside_with_a_reason(files, tmp_path):
    lines = (files / "target.csv").read_text() + "CCC,1\n*CCC,1\n*CC(*)C*,1\n*C(C,1\n"
    (tmp_path / "target.csv").write_text(lines)
    config = resolve(flags(files, tmp_path / "x", target=[f"{tmp_path}/target.csv:conductivity"]), None)
    (table,) = read_inputs(config).targets
    assert [row.row for row in table.rejected] == [65, 66, 67, 68]
    assert all(row.reason for row in table.rejected)


def test_a_polymer_without_a_value_is_known_too(finished, tmp_path):
    config, inputs, models, made, outcome = finished
    best = [row["smiles"] for row in outcome.proposals.to_pylist()[:3]]
    text = "smiles,conductivity\n" + "".join(
        f"{smiles},{value}\n" for smiles, value in zip(best, ("", "nan", " "), strict=True)
    )
    lines = Path(config.target[0].rpartition(":")[0]).read_text().split("\n", 1)[1]
    (tmp_path / "target.csv").write_text(text + lines)
    (table,) = read_inputs(replace(config, target=[f"{tmp_path}/target.csv:conductivity"])).targets
    assert table.unmeasured == tuple(best)
    with RunDir(tmp_path / "again") as rundir:
        given = replace(config, out=str(tmp_path / "again")), inputs._replace(targets=(table,)), models, made
        found = design_run.finish(*given, rundir, Progress("quiet"), "kakehashi design")
    listed = found.proposals["smiles"].to_pylist()
    before = outcome.proposals["smiles"].to_pylist()
    assert listed[: len(before) - 3] == before[3:]


def test_a_goal_no_particle_can_reach_is_said(finished, tmp_path):
    config, inputs, models, made, _ = finished
    far = inputs._replace(goals=(inputs.goals[0]._replace(lower=1e9),))
    with RunDir(tmp_path / "far") as rundir, pytest.raises(UserError, match="out of reach"):
        design_run.finish(config, far, models, made, rundir, Progress("quiet"), "kakehashi design")


def test_a_language_proposes_and_says_where_no_route_is_known(files, tmp_path):
    more = {"proposal": "ngram", "corpus": f"{files}/target.csv", "goal": ["conductivity>0.36"], "top": 20}
    words = bad(files, tmp_path / "language", **more)
    at = words.index("--pool")
    assert kakehashi.main([*words[:at], *words[at + 2 :], "--quiet"]) == 0
    rows = pq.read_table(tmp_path / "language" / "proposals.parquet").to_pylist()
    assert rows
    for row in rows:
        assert bool(classify(row["smiles"])) == bool(row["class"]) == bool(row["monomer_1"])


def test_several_properties_each_have_a_model_and_a_goal(files, tmp_path):
    out = tmp_path / "two"
    given = {"target": [f"{files}/target.csv:conductivity", "tg"], "goal": ["conductivity>0.36", "tg<126.85 degC"]}
    assert kakehashi.main([*bad(files, out, **given), "--quiet"]) == 0
    table = pq.read_table(out / "proposals.parquet")
    assert {"tg", "tg_mean", "tg_lower", "tg_upper"} <= set(table.column_names)
    assert np.median(table["tg"].to_numpy()[:10]) < 400
    assert json.loads((out / "run.json").read_text())["goals"] == ["conductivity>0.36", "tg<400"]


def test_a_catalogue_of_repeat_units_is_screened(files, tmp_path):
    units = [f"x{k},*N{chain(k)}NC(=O)CCC(=O)*" for k in range(2, 15)]
    text = "\n".join(["name,smiles", *units, "bad,CC", "shifted,*C(=O)CCC(=O)NCCN*"])
    (tmp_path / "catalog.csv").write_text(text + "\n")
    words = ["--target", f"{files}/target.csv:conductivity", "--source", f"{files}/source.csv:conductivity"]
    words += ["--catalog", f"{tmp_path}/catalog.csv", "--networks", "1", "--outer-folds", "3", "--max-quarantine", "1"]
    assert kakehashi.main(["screen", *words, "--out", str(tmp_path / "out"), "--quiet"]) == 0
    rows = pq.read_table(tmp_path / "out" / "ranking.parquet").to_pylist()
    assert len(rows) == 14
    by_name = {row["name"]: row for row in rows}
    assert by_name["shifted"]["mean"] == by_name["x2"]["mean"]
    assert by_name["shifted"]["reduced_formula"] == by_name["x2"]["reduced_formula"]
    assert by_name["x2"]["formula"] == "*NCCNC(=O)CCC(=O)*"
    assert by_name["x9"]["mean"] > by_name["x2"]["mean"] + 0.08
    aside = pq.read_table(tmp_path / "out" / "quarantine.parquet").to_pylist()
    assert [row["formula"] for row in aside] == ["CC"]
    assert "expected 2 attachment points" in aside[0]["reason"]


def test_a_run_may_have_no_source(files, tmp_path):
    config = resolve(flags(files, tmp_path / "x", source=["none"]), None)
    assert read_inputs(config).sources == ()
