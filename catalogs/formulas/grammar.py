"""Grammar of chemical formulas, and its strict parser.

    formula = group {[" "] group}          amounts follow an element or a closing bracket directly
    group   = (symbol | "(" formula ")" | "[" formula "]" | "{" formula "}") [amount]
    amount  = digits ["." digits]          0 < amount <= 1,000,000, at most nine decimals, no leading zeros

Outer blanks mean nothing; subscript digits and full-width characters are read as ASCII. Everything else (charges,
isotopes, addition dots, dummy species, remarks) is refused with a reason: a guess would silently become another
material.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext

from kakehashi.catalogs.elements import INDEX, ORDER, UNTABULATED
from kakehashi.catalogs.files.plain_text import plain_formula
from kakehashi.catalogs.formulas.addition_dots import ambiguous_dot, lost_dot

SLOTS = 16
MAX_LENGTH = 500
MAX_DEPTH = 8
MAX_AMOUNT = 1_000_000
MAX_DECIMALS = 9

_TOKEN = re.compile(
    r"(?P<symbol>[A-Z][a-z]*)(?P<count>[0-9.]*)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])(?P<times>[0-9.]*)|(?P<space> )"
)
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_OPENING = {close: opening for opening, close in _CLOSING.items()}
# Remarks in brackets: an oxidation state, a phase (TiO2(B)) or a state of matter (C(S)).
_ROMAN = frozenset(("I", "II", "III", "IV", "V", "VI", "VII", "VIII"))
# Amounts have at most 17 digits and eight brackets multiply them: 200 digits keep every product exact.
_EXACT = Context(prec=200)

Amounts = dict[str, Decimal]


def parse(text: str) -> dict[str, float]:
    """Parse one formula into amounts by element.

    Elements are in the order of slots (rising electronegativity).

    Raises
    ------
    ValueError : not a formula, with the reason.

    >>> parse("Ca(OH)2")
    {'Ca': 1.0, 'H': 2.0, 'O': 2.0}
    """
    if not isinstance(text, str):
        raise ValueError(f"expected text, got {type(text).__name__}")
    text = plain_formula(text)
    if not text:
        raise ValueError("empty formula")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"formula of {len(text)} characters: at most {MAX_LENGTH} are read")
    with localcontext(_EXACT):
        total = _groups(text)
    if len(total) > SLOTS:
        raise ValueError(f"{len(total)} different elements: at most {SLOTS} are supported")
    ordered = sorted(total, key=lambda symbol: ORDER[INDEX[symbol]])
    return {symbol: _final(symbol, total[symbol]) for symbol in ordered}


def _groups(text: str) -> Amounts:
    levels: list[Amounts] = [{}]
    opened: list[str] = []
    starts: list[int] = []
    position = 0
    before = "open"  # what came last: open, item or space
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(_unexpected(text, position))
        if match["symbol"]:
            _add(levels[-1], _known(match["symbol"]), _amount(match["count"], match["symbol"]))
            _check_dot(text, match.start(), match["symbol"], match["count"], match.end())
            before = "item"
        elif match["open"]:
            opened.append(match["open"])
            starts.append(match.end())
            levels.append({})
            if len(opened) > MAX_DEPTH:
                raise ValueError(f"brackets nested more than {MAX_DEPTH} deep")
            before = "open"
        elif match["close"]:
            _check_close(opened, match["close"], before)
            _check_remark(text[starts[-1] : position], match["close"], match["times"], starts.pop())
            times = _amount(match["times"], match["close"])
            _check_dot(text, match.start(), match["close"], match["times"], match.end())
            inner = levels.pop()
            for symbol, amount in inner.items():
                _add(levels[-1], symbol, amount * times)
            before = "item"
        else:
            _check_space(text, position, before)
            before = "space"
        position = match.end()
    if opened:
        raise ValueError(f"unbalanced brackets: '{opened[-1]}' is never closed")
    return levels[0]


def _add(level: Amounts, symbol: str, amount: Decimal) -> None:
    level[symbol] = level[symbol] + amount if symbol in level else amount


def _known(symbol: str) -> str:
    if symbol in INDEX:
        return symbol
    if symbol in UNTABULATED:
        raise ValueError(f"element {symbol} is outside the 94 tabulated elements (H to Pu)")
    if symbol in ("D", "T"):
        raise ValueError(f"isotope {symbol}: isotopes are not supported, write H")
    if symbol == "X":
        raise ValueError("dummy species X is not an element")
    raise ValueError(f"unknown element {_quoted(symbol)}")


def _amount(digits: str, after: str) -> Decimal:
    if not digits:
        return Decimal(1)
    where = f"{_quoted(digits)} after {after}"
    if len(digits) > 17:
        raise ValueError(f"absurd amount {where}: at most {MAX_AMOUNT} with {MAX_DECIMALS} decimals")
    if not _AMOUNT.fullmatch(digits):
        if digits[0] == "0" and digits[1:2].isdigit():
            raise ValueError(f"amount {where} has a leading zero (is it the letter O?)")
        raise ValueError(f"misplaced dot in {where}: a dot is only a decimal point between two digits")
    amount = Decimal(digits)
    if not amount:
        raise ValueError(f"zero amount {where}")
    if amount > MAX_AMOUNT:
        raise ValueError(f"absurd amount {where}: at most {MAX_AMOUNT}")
    if "." in digits and len(digits) - digits.index(".") - 1 > MAX_DECIMALS:
        raise ValueError(f"amount {where} has more than {MAX_DECIMALS} decimals")
    return amount


def _final(symbol: str, amount: Decimal) -> float:
    """Round an amount to a float.

    Brackets multiply, so its size is checked again.
    """
    if amount > MAX_AMOUNT:
        raise ValueError(f"absurd amount of {symbol}: more than {MAX_AMOUNT} in total")
    exponent = amount.normalize(_EXACT).as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MAX_DECIMALS:
        raise ValueError(f"amount of {symbol} has more than {MAX_DECIMALS} decimals in total")
    return float(amount)


def _check_dot(text: str, start: int, after: str, digits: str, end: int) -> None:
    """Refuse numbers with a possible or lost addition dot.

    A space behind a number marks it as an amount.
    """
    rest = text[end:]
    where = f"in {_quoted(after + digits + rest[:6])} at character {start + 1}"
    if ambiguous_dot(text[:start], after, digits, rest):
        raise ValueError(
            f"ambiguous dot {where}: write an added compound in brackets, '(H2O)5', or a space after a decimal amount"
        )
    if lost_dot(after, digits, rest):
        raise ValueError(
            f"ambiguous number {where}: write water of crystals in brackets, '(H2O)5', or a space after the amount"
        )


def _check_remark(inside: str, close: str, times: str, position: int) -> None:
    """Refuse bracketed remarks that could be elements."""
    remark = f"{_OPENING[close]}{inside}{close} at character {position}"
    if inside in _ROMAN:
        raise ValueError(f"{remark} is an oxidation state or a phase and no element: leave it out")
    if len(inside) == 1 and not times:
        raise ValueError(f"{remark} is a remark (a phase, a state) or an element: leave it out or write {inside}")


def _check_close(opened: list[str], close: str, before: str) -> None:
    if not opened:
        raise ValueError(f"unbalanced brackets: '{close}' was never opened")
    if _CLOSING[opened[-1]] != close:
        raise ValueError(f"unbalanced brackets: '{opened[-1]}' closed by '{close}'")
    if before == "open":
        raise ValueError("empty brackets")
    if before == "space":
        raise ValueError(f"space before '{close}'")
    opened.pop()


def _check_space(text: str, position: int, before: str) -> None:
    if before == "space":
        raise ValueError("double space")
    if before == "open":
        raise ValueError(f"space after '{text[position - 1]}'")


def _unexpected(text: str, position: int) -> str:
    character = text[position]
    where = f"at character {position + 1}"
    if not character.isascii():
        return f"non-ASCII character {character!a} {where}: superscripts and middots are not read"
    if character in "+-":
        return f"'{character}' {where}: charges, hyphens and exponents are not read"
    if character.isdigit() or character == ".":
        if position == 0:
            return "begins with a number: expected an element symbol"
        return f"number {where} does not follow an element or a closing bracket"
    if character.islower():
        number_before = position > 0 and text[position - 1].isdigit()
        if character == "e" and number_before:
            return f"exponent {where}: write the amount out"
        return f"lower-case {character!r} {where}: expected an element symbol with a capital, not a variable"
    return f"unexpected character {character!r} {where}"


def _quoted(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}... ({len(text)} characters)"
