"""The hash of formulas is the same for ever."""

import numpy as np

from kakehashi.screen.foundation.folds import formula_hash, hash_folds, was_seen
from kakehashi.screen.foundation.record import FOLDS

# As `printf TiO2 | b2sum -l 64` of GNU coreutils prints them, the first byte lowest.
GOLDEN = {"TiO2": "e850741da65c6f33"}
HASHES = {
    "TiO2": 3706282886877696232, "MgO": 3612689522612853189, "PbTe": 16614944556508511454,
    "BAs": 5575504511771768252, "YBa2Cu3O7": 14125796077699113005,
}  # fmt: skip


def test_golden_hashes_and_folds():
    hashes = formula_hash(HASHES)
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == list(HASHES.values())
    assert hashes[0] == int.from_bytes(bytes.fromhex(GOLDEN["TiO2"]), "little")
    assert hash_folds(HASHES).tolist() == [value % FOLDS for value in HASHES.values()] == [2, 4, 4, 2, 0]
    assert len(formula_hash([])) == 0


def test_folds_are_of_like_size():
    counts = np.bincount(hash_folds(f"Li{i}O{j}" for i in range(1, 60) for j in range(1, 60)), minlength=FOLDS)
    assert len(counts) == FOLDS
    # Five standard deviations of a binomial.
    assert abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.sum() * 0.16)


def test_seen_formulas(planted_foundation):
    foundation = planted_foundation.foundation
    assert (np.diff(foundation.formulas.astype(object)) > 0).all()
    assert was_seen(foundation, ["BaO", "UO2", "LiF"]).tolist() == [True, False, True]
