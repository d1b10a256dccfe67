import numpy as np
import pytest

from kakehashi.catalogs.molecules.stereo import told_apart
from kakehashi.catalogs.properties.assemble import assemble


@pytest.mark.parametrize(
    ("texts", "differ"),
    [
        (["*C/C=C/C*", "*C/C=C\\C*"], True),
        (["*C/C=C/C*", "*CC=CC*"], True),
        (["*C/C=C/C*", " *C/C=C/C*"], False),
        (["*C/C=C/C*", "*C\\C=C\\C*"], False),  # the same, written the other way
        (["*C[C@H](*)C", "*C[C@@H](*)C"], True),
        (["[*:1]C[C@H]([*:2])C", "*C[C@H](*)C"], False),
        (["*CC(*)C", "*C(C)C*"], False),
        (["*CC(*)C"], False),
    ],
)
def test_stereoisomers_are_told_apart_from_ways_of_writing(texts, differ):
    assert told_apart([(0, text) for text in texts], (2,)) == differ


def test_groups_are_counted_each():
    rows = [(0, "C/C=C/C"), (1, "C[C@H](N)O"), (0, "C/C=C\\C"), (1, "C[C@@H](N)O"), (2, "F/C=C/F"), (3, "F/C=C\\F")]
    assert told_apart(rows, (0,)) == 2


def test_the_note_on_merged_rows_says_so():
    units = ["*C/C=C/C*", "*C/C=C\\C*", "*CC*", "*CCCC*", "*CC(*)C"]
    table = assemble("tg", units, np.array([250.0, 170.0, 195.0, 200.0, 258.0]), minimum=3, attachments=(2,))
    assert table.keys == ("*C=CCC*", "*CC*", "*CC(*)C")
    assert table.notes == (
        "2 molecules had several values; merged to their median, largest spread 1.47x (*C=CCC*); 1 of them as"
        " stereoisomers (cis and trans, R and S, tacticity), which share one name here",
    )
    plain = assemble("tg", units[2:], np.array([195.0, 200.0, 258.0]), minimum=2, attachments=(2,))
    assert "stereoisomers" not in plain.notes[0]
