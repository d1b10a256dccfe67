"""What becomes of the units a sampler evaluated."""

import numpy as np
import pytest

from kakehashi.catalogs.molecules.polymers import parse
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.design.run import outcome
from kakehashi.design.run.config import resolve
from kakehashi.design.run.inputs import DesignInputs
from kakehashi.design.run.known import read_known
from kakehashi.design.run.outcome import select
from kakehashi.design.sampler.ledger import Evaluated

KETONE = "*Oc1ccc(C(=O)c2ccc(*)cc2)cc1"
TWO_KETONES = "*Oc1ccc(C(=O)c2ccc(Oc3ccc(C(=O)c4ccc(*)cc4)cc3)cc2)cc1"


def chosen(texts, *targets: PropertyTable, files=(), **flags):
    n = len(texts)
    evaluated = Evaluated(tuple(texts), np.zeros(n), -np.arange(n, dtype=float), np.zeros(n, np.int64))
    config = resolve({"target": ["a.csv:x"], "goal": ["x>1"], "max_sa": 10.0, **flags}, None)
    return select(config, DesignInputs(targets, (), (), "", known=tuple(files)), evaluated)


def test_multiples_and_frames_of_a_unit_are_one_proposal():
    ring = "c1ccc(CCF)cc1"
    found = chosen([f"*CCCC(*){ring}", f"*C({ring})CC({ring})C*", f"*CC(*){ring}", f"*CC({ring})CC(*){ring}"])
    assert [one.key for one in found.listed] == [parse(f"*CC(*){ring}")[1]]
    assert found.listed[0].made.monomers == ("C=Cc1ccc(CCF)cc1",)
    assert found.listed[0].log_goal == -1.0  # the best of those written


def test_a_known_polymer_written_twice_is_known(tmp_path):
    path = tmp_path / "known.csv"
    path.write_text("smiles,tg\n*CC*,195\n*CC(*)C,258\n*CC(*)Cl,\n" + "".join(
        f"*{'C' * k}O*,{k}\n" for k in range(2, 12)
    ))  # fmt: skip
    known = load_table(f"{path}:tg")
    found = chosen(["*CCCC*", "*CC(C)CC(*)C", "*CC(Cl)CC(*)Cl", "*CC(*)CCCF"], known)
    assert [one.key for one in found.listed] == ["*CC(*)CCCF"]
    assert found.counts["known polymer"] == 3


def test_a_polymer_with_a_name_is_not_new_however_it_is_written():
    found = chosen(["*NCCCCCC(*)=O", "*CCC(=O)NCCC*", "*CC(*)CCCF"])
    assert [one.key for one in found.listed] == ["*CC(*)CCCF"]
    assert found.counts["polymer with a name"] == 1  # nylon 6, written twice


def test_the_polymers_of_a_file_are_not_new(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("smiles\n*C(CCCF)C*\n*CC\n")
    mine = read_known(path)
    assert [row.row for row in mine.rejected] == [2]
    assert "1 rows set aside" in mine.rejection()
    found = chosen(["*CC(*)CCCF", "*CC(*)CCCCF"], files=(mine,))
    assert [one.key for one in found.listed] == ["*CC(*)CCCCF"]
    assert found.counts["known polymer"] == 1
    path.write_text("smiles\nCC\n")
    with pytest.raises(UserError, match=r"--known .*no repeat unit is left"):
        read_known(path)


def test_a_fixed_reagent_counts_as_no_shared_monomer():
    units = [f"*O[Si](C)({'C' * k}C(F)(F)F)*" for k in (2, 3, 4)]
    found = chosen(units, per_monomer=1)
    assert [one.made.monomers[-1] for one in found.listed] == ["O"] * 3


def test_only_routes_that_are_asked_for_are_listed():
    grown = "*NCCCCCC(C#N)CCNC(=O)CCCCC(*)=O"
    registered = "*NCCCC(C)CCNC(=O)CCCCC(*)=O"
    found = chosen([grown, registered])
    assert len(found.listed) == 2
    found = chosen([grown, "*Nc1ccc(N)c(C)c1NC(=O)CCCCC(*)=O", "*Nc1cc(NC(=O)CCCCC(*)=O)ccc1C"], monomers="registered")
    assert [one.key for one in found.listed] == [parse("*Nc1cc(NC(=O)CCCCC(*)=O)ccc1C")[1]]
    assert found.counts["no route of what is asked for"] == 1


def test_monomers_that_make_two_of_the_smallest_units_are_shown(monkeypatch):
    """A bisphenol and a difluoride with one ketone each: the chain repeats after one of them."""
    monkeypatch.setattr(outcome, "known_polymers", lambda *_: {})  # it has a name
    found = chosen([TWO_KETONES])
    assert [one.key for one in found.listed] == [parse(KETONE)[0]]
    made = found.listed[0].made
    assert made.polymer_class == "poly(aryl ether)"
    assert set(made.monomers) >= {"O=C(c1ccc(O)cc1)c1ccc(O)cc1"}
