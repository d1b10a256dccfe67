"""Crystal systems by space group."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.screen.foundation.training.crystal_systems import SYSTEMS, is_space_group, system_of, system_shares


def test_every_space_group_has_its_system(shared_data):
    table = pq.read_table(shared_data / "inorganic/matbench_mp_e_form.parquet", columns=["spg_num", "crys_sys"])
    groups = table["spg_num"].to_numpy().astype(float)
    named = [SYSTEMS[i] for i in system_of(groups)]
    assert named == table["crys_sys"].to_pylist()


def test_first_and_last_groups():
    groups = np.array([1, 2, 3, 15, 16, 74, 75, 142, 143, 167, 168, 194, 195, 230, 0, 231, 1.5, np.nan])
    assert system_of(groups).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, -1, -1, -1, -1]


def test_shares_add_to_one():
    rng = np.random.default_rng(0)
    keys = [f"Li{i}O" for i in rng.integers(1, 9, 100)]
    systems = rng.integers(0, 7, 100)
    formulas, shares = system_shares(keys, systems)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    first = [system for key, system in zip(keys, systems, strict=True) if key == formulas[0]]
    np.testing.assert_allclose(shares[0], np.bincount(first, minlength=7) / len(first))


@pytest.mark.parametrize("name", ["spacegroup", "spg_num", "space_group", "Space Group Number", "spg", "sg_number"])
def test_names_of_space_groups(name):
    assert is_space_group(name)


def test_other_names():
    assert not any(map(is_space_group, ["n_sites", "spacing", "sgd", "group"]))
