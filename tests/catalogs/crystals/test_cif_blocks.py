"""Structures of a CIF are told apart by their data blocks, whatever these are called."""

from kakehashi.catalogs.crystals.cif_blocks import BLOCK, cif_blocks

ATOMS = "_cell_length_a 4\nloop_\n_atom_site_label\nNa1\n"


def test_blocks_with_a_cell_or_atoms_are_structures():
    text = f"# remark\ndata_global\n_journal_name x\ndata_a\n{ATOMS}data_pwd\n_pd_x 1\nDATA_b\n{ATOMS}"
    assert cif_blocks(text) == [f"{BLOCK}\n\n{ATOMS}"] * 2


def test_names_mean_nothing():
    text = f"data_same\n{ATOMS}data_same\n{ATOMS}data_powder_pattern\n{ATOMS}"
    assert len(cif_blocks(text)) == 3
    assert all(block.startswith(f"{BLOCK}\n") for block in cif_blocks(text))


def test_text_between_semicolons_begins_no_block():
    text = f"data_a\n_publ_section\n;\ndata_b of the paper\n{ATOMS};\n{ATOMS}"
    (block,) = cif_blocks(text)
    assert "\n.data_b of the paper\n" in block


def test_what_is_no_cif_has_no_blocks():
    assert cif_blocks("") == cif_blocks("MgO\n1.0\n") == cif_blocks("data_x\n_cell_angle_alpha 90\n") == []
    assert len(cif_blocks(f"  data_x _cell_length_b 3\r\n{ATOMS}")) == 1
