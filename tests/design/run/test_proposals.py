"""Proposals by name: pools that nothing comes of, and corpora that languages learn from."""

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.design.run.config import resolve
from kakehashi.design.run.proposals import _corpus, reactions


@pytest.mark.fault
def test_a_pool_that_nothing_comes_of_names_what_was_set_aside(tmp_path):
    pool = tmp_path / "pool.csv"
    pool.write_text("smiles,name,cas\nNCCN,,\nCl.N,,\n", encoding="utf-8")
    config = resolve({"target": ["a.csv:x"], "goal": ["x>1"], "pool": str(pool)}, None)
    with pytest.raises(UserError, match=r"\(1 molecules\).*no polymerisation.*1 of 2 molecules set aside"):
        reactions(config)


def test_a_corpus_of_a_spreadsheet(tmp_path):
    file = tmp_path / "corpus.csv"
    file.write_text("Repeat Unit;n\n*CC*;0,5\n*CC(*)C;1,5\n")
    assert len(_corpus(file, None)) == 2
