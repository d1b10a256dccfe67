import pytest

from kakehashi.catalogs.files.plain_text import plain, plain_formula

SUBSCRIPTS = "".join(map(chr, range(0x2080, 0x208A)))
FULL_WIDTH = "".join(map(chr, range(0xFF01, 0xFF5F)))


def test_one_notation_of_digits_and_full_width():
    assert plain(SUBSCRIPTS) == plain_formula(SUBSCRIPTS) == "0123456789"
    assert plain(FULL_WIDTH) == "".join(map(chr, range(0x21, 0x7F)))


@pytest.mark.parametrize("blank", [" ", "\t", "\r\n", "\u00a0", "\u3000", "\u200b", "\u2060", "\ufeff", "\u2009"])
def test_outer_blanks_mean_nothing(blank):
    for reader in (plain, plain_formula):
        assert reader(f"{blank}Fe2O3{blank}{blank}") == "Fe2O3"
        assert reader(blank) == ""
        assert reader(f"Fe{blank}O") == f"Fe{blank}O"  # inside they may


@pytest.mark.parametrize("text", ["\u00b2", "Fe\u00b3\u207a", "\u03b1-Fe", "\u0662", "\x00Fe\x1f"])
def test_all_else_stays(text):
    assert plain(text) == text


@pytest.mark.parametrize("text", ["SO\u20845H", "F\u2083.3Na", "F3.\u2083Na", "F1\u2082", "\uff12\u2082"])
def test_a_number_in_two_notations_is_refused(text):
    with pytest.raises(ValueError, match=r"subscript and other digits side by side at character \d"):
        plain_formula(text)
    assert plain(text).isascii()  # ring numbers of a SMILES stand side by side
