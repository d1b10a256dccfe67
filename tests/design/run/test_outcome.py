"""What becomes of the units a sampler evaluated."""

import numpy as np

from kakehashi.catalogs.molecules.polymers import parse
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import PropertyTable
from kakehashi.design.run.config import resolve
from kakehashi.design.run.inputs import DesignInputs
from kakehashi.design.run.outcome import select
from kakehashi.design.sampler.ledger import Evaluated

KETONE = "*Oc1ccc(C(=O)c2ccc(*)cc2)cc1"
TWO_KETONES = "*Oc1ccc(C(=O)c2ccc(Oc3ccc(C(=O)c4ccc(*)cc4)cc3)cc2)cc1"


def chosen(texts, *targets: PropertyTable):
    n = len(texts)
    evaluated = Evaluated(tuple(texts), np.zeros(n), -np.arange(n, dtype=float), np.zeros(n, np.int64))
    config = resolve({"target": ["a.csv:x"], "goal": ["x>1"], "max_sa": 10.0}, None)
    return select(config, DesignInputs(targets, (), (), ""), evaluated)


def test_multiples_and_frames_of_a_unit_are_one_proposal():
    found = chosen(["*CCCC(*)c1ccccc1", "*C(c1ccccc1)CC(c1ccccc1)C*", "*CC(*)c1ccccc1", "*CC(c1ccccc1)CC(*)c1ccccc1"])
    assert [one.key for one in found.listed] == ["*CC(*)c1ccccc1"]
    assert found.listed[0].made.monomers == ("C=Cc1ccccc1",)
    assert found.listed[0].log_goal == -1.0  # the best of those written


def test_a_known_polymer_written_twice_is_known(tmp_path):
    path = tmp_path / "known.csv"
    path.write_text("smiles,tg\n*CC*,195\n*CC(*)C,258\n*CC(*)Cl,\n" + "".join(
        f"*{'C' * k}O*,{k}\n" for k in range(2, 12)
    ))  # fmt: skip
    known = load_table(f"{path}:tg")
    found = chosen(["*CCCC*", "*CC(C)CC(*)C", "*CC(Cl)CC(*)Cl", "*CC(*)F"], known)
    assert [one.key for one in found.listed] == ["*CC(*)F"]
    assert found.counts["known polymer"] == 3


def test_monomers_that_make_two_of_the_smallest_units_are_shown():
    """A bisphenol and a difluoride with one ketone each: the chain repeats after one of them."""
    found = chosen([TWO_KETONES])
    assert [one.key for one in found.listed] == [parse(KETONE)[0]]
    made = found.listed[0].made
    assert made.polymer_class == "poly(aryl ether)"
    assert set(made.monomers) >= {"O=C(c1ccc(O)cc1)c1ccc(O)cc1"}
