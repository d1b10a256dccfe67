"""Folders of tables become tasks; what is not learned is said."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.foundation.training.recipe import FoundationRecipe, RecipeColumn, RecipeTable
from kakehashi.screen.foundation.training.tables import gather

NAMES = [f"{m}{i}{a}{j}" for m in ("Li", "Na", "K", "Mg") for a in ("O", "S", "F") for i in (1, 2) for j in (1, 3, 5)]


def test_columns_scales_and_medians(planted_data):
    names = [task.name for task in planted_data.tasks]
    assert names == ["a:linear", "a:monoclinic", "a:cubic", "b:wide (eV)"]
    about = {task.name: task for task in planted_data.tasks}
    assert (about["a:linear"].transform, about["b:wide (eV)"].transform) == ("identity", "ln")
    assert about["a:cubic"].transform == "share"
    assert about["b:wide (eV)"].unit == "eV"
    assert about["b:wide (eV)"].rows < about["a:linear"].rows == len(planted_data.keys)
    assert len({*planted_data.keys}) == len(planted_data.keys)
    assert planted_data.y.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(planted_data.y), np.isfinite(planted_data.values))


def test_what_is_not_learned_is_said(planted_data):
    reasons = {(each.table, each.reason) for each in planted_data.left_out}
    assert ("b.csv", "column 'count': whole numbers without a unit in its name") in reasons
    assert sum("no formula differs" in reason for _, reason in reasons) == 5
    assert any(text.startswith("b.csv: 1 of 321 rows refused") and "Xx2" in text for text in planted_data.warnings)


def test_counts_stay_out_where_their_medians_are_halves(tmp_path):
    counts = [*range(len(NAMES)), 7]
    folder = written(tmp_path, formula=[*NAMES, NAMES[0]], v=np.arange(len(NAMES) + 1) / 7, n_sites=counts)
    data = gather(folder, minimum=10)
    assert [task.name for task in data.tasks] == ["t:v"]
    assert data.left_out[0].reason == "column 'n_sites': whole numbers without a unit in its name"


def written(folder, **columns):
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return folder


def test_several_values_of_a_formula_are_their_median(tmp_path):
    values = np.arange(len(NAMES)) * 1.5
    folder = written(tmp_path, formula=[*NAMES, "O3Li1", "Li1O3"], v=[*values, 90.5, 100.5])
    data = gather(folder, minimum=10)
    assert data.values[data.keys.index("LiO3"), 0] == 90.5


def test_crystal_shares_of_polymorphs(tmp_path):
    groups = [225, 12] * (len(NAMES) // 2)
    folder = written(tmp_path, formula=[*NAMES, NAMES[0], NAMES[1]], spacegroup=[*groups, 1, 999])
    data = gather(folder, minimum=10)
    assert [task.name for task in data.tasks] == ["t:triclinic", "t:monoclinic", "t:cubic"]
    assert data.values[0].tolist() == [0.5, 0.0, 0.5]
    assert any("expected a space group number from 1 to 230" in text for text in data.warnings)


def test_duplicates_of_one_quantity_share_their_number(tmp_path):
    values = np.random.default_rng(0).lognormal(0, 2, len(NAMES))
    other = np.random.default_rng(1).normal(size=len(NAMES))
    data = gather(
        written(tmp_path, formula=NAMES, k_gpa=values, other=other, log_k=np.log10(values), thrice=3 * values),
        minimum=10,
    )
    assert [task.alias for task in data.tasks] == [0, 1, 0, 0]


@pytest.mark.fault
def test_recipes_are_strict(tmp_path):
    folder = written(tmp_path, formula=NAMES, v=np.arange(len(NAMES)) / 7)

    def recipe(file="t.parquet", **more):
        return FoundationRecipe("mine", (RecipeTable(file, **more),))

    with pytest.raises(UserError, match="no such file"):
        gather(folder, recipe("u.parquet"))
    with pytest.raises(UserError, match="no column 'w'"):
        gather(folder, recipe(columns=(RecipeColumn("w"),)), minimum=10)
    with pytest.raises(UserError, match="at least 300 are needed"):
        gather(folder, recipe(columns=(RecipeColumn("v"),)))
    with pytest.raises(UserError, match="no column 'spg'"):
        gather(folder, recipe(crystal_system="spg"), minimum=10)
    with pytest.raises(UserError, match="no column 'x'"):
        gather(folder, recipe(exclude=("x",)), minimum=10)
    about = gather(
        folder, recipe(columns=(RecipeColumn("v", "speed", "km/s"),), source="me", licence="CC0"), minimum=10
    )
    assert about.tasks[0][2:5] == ("v", "speed", "km/s")
    assert about.tasks[0][10:12] == ("me", "CC0")


@pytest.mark.fault
def test_folders_with_nothing_to_learn(tmp_path):
    with pytest.raises(UserError, match="expected a folder of tables"):
        gather(tmp_path / "none")
    with pytest.raises(UserError, match="holds no table"):
        gather(tmp_path)
    (tmp_path / "p.csv").write_text("smiles,tg_k\n" + "\n".join(f"*C{'C' * i}*,{300 + i}.5" for i in range(20)))
    with pytest.raises(UserError, match="holds SMILES; foundation networks learn from formulas"):
        gather(tmp_path)
