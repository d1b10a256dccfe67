"""Automaton of the tokens that may follow in a valid repeat unit.

Its state is a repeat unit under construction: open rings and branches, valences, tokens left.

Every function takes `xp`, NumPy or jax.numpy, and a batch of strings. Every string of allowed tokens can be completed
within the tokens left, as a repeat unit with exactly two `*`: a token after which the completion that `_finish` counts
would be too long is not allowed. There are no dead ends.

Beyond validity three rules make the string of a molecule less arbitrary, and no known polymer needs more: ring tokens
come right after their atom, closings before openings; a chain goes on after a branch; a ring is closed by the later
of its two atoms with a single bond.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.proposals.language.tokens import (
    BRANCH,
    CLOSE,
    DEPTH,
    END,
    OPEN,
    PAD,
    RETURN,
    RINGS,
    SPECIAL,
    STAR,
    VALENCES,
    Vocabulary,
    atom,
)

# Kinds of tokens, and of the last token of a string.
_NEVER, _PAD, _END, _ATOM, _BRANCH, _RETURN, _OPEN, _CLOSE = range(8)
_IMPOSSIBLE = 1 << 20
# Cases of an atom token by the bonds its atom has left: second `*`, none, one, more.
_CASE_STAR, _CASE_FULL, _CASE_ONE, _CASE_MORE = range(4)


class Tables(NamedTuple):
    """Properties of each token of a vocabulary, arrays (V,) int32.

    kind : one of the kinds above; order : of an atom's bond to the atom before
    room : bonds an atom has left after that one; index : k of `^k`; case : one of the cases above
    """

    kind: Any
    order: Any
    room: Any
    index: Any
    case: Any


class State(NamedTuple):
    """Strings under construction, arrays with leading axis n.

    room, ids : (n, DEPTH + 1) bonds left, and number, of the atom each open branch hangs on; the current one at depth
    ring : (n, RINGS) number of the atom that opened each ring, most recent first, -1 where none
    blocked : (n, RINGS) rings that the current atom may not close: it, or its neighbour, opened them
    last : kind of the last token; depth : branches open; rings : rings open; atoms : written, the first `*` apart
    star : True where the second `*` is written; left : tokens left, END included
    """

    room: Any
    ids: Any
    ring: Any
    blocked: Any
    last: Any
    depth: Any
    rings: Any
    atoms: Any
    star: Any
    left: Any


def tables(vocabulary: Vocabulary) -> Tables:
    """Tabulate a vocabulary."""
    n = len(vocabulary.tokens)
    kind, order, room, index, case = (np.zeros(n, np.int32) for _ in range(5))
    signs = {BRANCH: _BRANCH, RETURN: _RETURN, OPEN: _OPEN, **dict.fromkeys(CLOSE, _CLOSE)}
    for i, token in enumerate(vocabulary.tokens):
        if token in SPECIAL:
            kind[i] = {PAD: _PAD, END: _END}.get(i, _NEVER)
        elif token in signs:
            kind[i] = signs[token]
            index[i] = CLOSE.index(token) if token in CLOSE else 0
        else:
            order[i], symbol = atom(token)
            kind[i], room[i] = _ATOM, VALENCES[symbol][-1] - order[i]
            case[i] = _CASE_STAR if token == STAR else _CASE_FULL + min(room[i], 2)
    return Tables(kind, order, room, index, case)


def start(n: int, max_length: int, xp: Any = np) -> State:
    """Strings (n) of which only the first `*` is written."""
    flat = xp.zeros(n, xp.int32)
    levels = xp.arange(DEPTH + 1, dtype=xp.int32)
    room = xp.zeros((n, DEPTH + 1), xp.int32) + (levels == 0)[None, :].astype(xp.int32)
    ring = xp.zeros((n, RINGS), xp.int32) - 1
    return State(room, xp.zeros_like(room), ring, ring > 0, flat + _ATOM, flat, flat, flat, flat > 0, flat + max_length)


def allowed(tables: Tables, state: State, xp: Any = np) -> Any:
    """Mask (n, V) of the tokens that may follow.

    Never empty for a string built of allowed tokens; PAD alone after END.
    """
    depth, rings, last, star = state.depth, state.rings, state.last, state.star
    begin = state.atoms == 0
    here = _at(state.room, depth - (last == _BRANCH), xp)
    current = _at(state.ids, depth - (last == _BRANCH), xp)
    anchor = _at(state.ids, xp.maximum(depth - 1, 0), xp)
    slots = xp.arange(RINGS, dtype=xp.int32)[None, :]
    is_open = slots < rings[:, None]
    of_current = is_open & (state.ring == current[:, None])
    of_anchor = is_open & (state.ring == anchor[:, None]) & (depth > 0)[:, None]
    from_current, from_anchor = of_current.sum(1), of_anchor.sum(1)
    all_anchor = (rings > 0) & (from_anchor == rings)
    written = (last == _ATOM) | (last == _OPEN)
    none = star & False

    def fits(need: Any, room: Any, depth: Any, star: Any, rings: Any, adjacent: Any, ready: Any) -> Any:
        return _finish(need, room, depth, star, rings, adjacent, ready, xp) <= state.left - 1

    # Atoms, by the bonds they have left.
    other = (rings > 0) & (from_current < rings)
    zero = depth * 0
    cases = xp.stack(
        [
            fits(none, zero, depth, ~none, rings, all_anchor, none) & ~star & ~begin,
            fits(none, zero, depth, star, rings, all_anchor, none),
            fits(none, zero + 1, depth, star, rings, none, none),
            fits(none, zero + 2, depth, star, rings, none, other),
        ],
        axis=1,
    )
    spare = here - (last == _BRANCH)
    is_atom = (tables.kind == _ATOM)[None, :] & (last != _END)[:, None]
    out = is_atom & (tables.order[None, :] <= spare[:, None]) & cases[:, tables.case]

    less = here - 1
    branch = (written | (last == _RETURN)) & (here >= 2) & (depth < DEPTH)
    branch &= fits(~none, zero, depth + 1, star, rings, (rings > 0) & (from_current == rings), none)
    back = written & (depth > 0) & fits(~none, zero, depth - 1, star, rings, all_anchor, none)
    opening = written & ~begin & (here >= 1) & (rings < RINGS)
    adjacent = (less >= 1) & (from_current == rings)
    opening &= fits(none, less, depth, star, rings + 1, adjacent, none)
    ending = written & (depth == 0) & (rings == 0) & star
    for kind, may in ((_BRANCH, branch), (_RETURN, back), (_OPEN, opening), (_END, ending), (_PAD, last == _END)):
        out |= (tables.kind == kind)[None, :] & may[:, None]

    # Closings, slot by slot: (n, RINGS).
    def wide(values: Any) -> Any:
        return xp.broadcast_to(values[:, None], (len(values), RINGS))

    may = is_open & ~state.blocked & wide((last == _ATOM) & (here >= 1))
    # Rings that stay closable here: not blocked, opened by another atom than the one just closed.
    same = state.ring[:, :, None] == state.ring[:, None, :]
    closable = (is_open & ~state.blocked)[:, None, :] & ~same
    ready = closable.any(axis=2) & wide(less >= 2)
    remain = wide(rings) - 1
    adjacent = wide(less == 0) & (remain > 0) & (wide(from_anchor) - of_anchor == remain)
    finish = _finish(wide(none), wide(less), wide(depth), wide(star), remain, adjacent, ready, xp)
    may &= finish <= wide(state.left) - 1
    return out | ((tables.kind == _CLOSE)[None, :] & may[:, tables.index])


def advance(tables: Tables, state: State, token: Any, xp: Any = np) -> State:
    """Append an allowed token to each string.

    After a token that was not allowed the state has no meaning.
    """
    kind, order = tables.kind[token], tables.order[token]
    is_atom, opening, closing = kind == _ATOM, kind == _OPEN, kind == _CLOSE
    levels = xp.arange(DEPTH + 1, dtype=xp.int32)[None, :]
    slots = xp.arange(RINGS, dtype=xp.int32)[None, :]
    parent_level = state.depth - (state.last == _BRANCH)
    parent = _at(state.ids, parent_level, xp)

    spent = xp.where(is_atom, order, (opening | closing).astype(xp.int32))
    room = state.room - xp.where(levels == parent_level[:, None], spent[:, None], 0)
    depth = xp.clip(state.depth + (kind == _BRANCH) - (kind == _RETURN), 0, DEPTH).astype(xp.int32)
    new = is_atom[:, None] & (levels == state.depth[:, None])
    room = xp.where(new, tables.room[token][:, None], room)
    atoms = state.atoms + is_atom
    ids = xp.where(new, atoms[:, None], state.ids)

    index = tables.index[token]
    closed = _at(state.ring, index, xp)
    blocked = xp.where(
        is_atom[:, None],
        state.ring == parent[:, None],
        state.blocked | (closing[:, None] & (state.ring == closed[:, None])),
    )
    after = closing[:, None] & (slots >= index[:, None])
    edge = slots[:, :1]
    ring = xp.where(after, xp.concatenate([state.ring[:, 1:], 0 * state.ring[:, :1] - 1], axis=1), state.ring)
    blocked = xp.where(after, xp.concatenate([blocked[:, 1:], blocked[:, :1] & (edge < 0)], axis=1), blocked)
    pushed = xp.concatenate([state.atoms[:, None], ring[:, :-1]], axis=1)
    ring = xp.where(opening[:, None], pushed, ring)
    blocked = xp.where(
        opening[:, None], xp.concatenate([blocked[:, :1] | (edge == 0), blocked[:, :-1]], axis=1), blocked
    )
    last = xp.where(closing, _ATOM, xp.where(kind == _PAD, _END, kind)).astype(xp.int32)
    return State(
        room.astype(xp.int32),
        ids.astype(xp.int32),
        ring.astype(xp.int32),
        blocked,
        last,
        depth,
        (state.rings + opening - closing).astype(xp.int32),
        atoms.astype(xp.int32),
        state.star | (tables.case[token] == _CASE_STAR) & is_atom,
        (state.left - 1).astype(xp.int32),
    )


def finished(state: State) -> Any:
    """Mask (n,) of the strings that have ended."""
    return state.last == _END


def in_new_branch(state: State) -> Any:
    """Mask (n,) of the strings whose last token is `(`."""
    return state.last == _BRANCH


def chunks(tokens: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
    """Chunks of a corpus that fit the processor's caches.

    tokens : (m, max_length); columns of PAD alone are cut off
    """
    for begin in range(0, len(tokens), 1024):
        part = tokens[begin : begin + 1024]
        yield part[:, : (part != PAD).sum(axis=1).max()]


def masks(tables: Tables, tokens: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Masks of the tokens allowed at every place of a corpus.

    tokens : (m, max_length); returns (m, max_length, V / 8) packed bits
    """
    m, max_length = tokens.shape
    out = np.zeros((m, max_length, -(-len(tables.kind) // 8)), np.uint8)
    begin = 0
    for part in chunks(tokens):
        state = start(len(part), max_length)
        for t, column in enumerate(part.astype(np.int32).T):
            out[begin : begin + len(part), t] = np.packbits(allowed(tables, state), axis=1)
            state = advance(tables, state, column)
        begin += len(part)
    return out


def accepts(masks: NDArray[np.uint8], tokens: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Mask (m,) of the rows that are strings of the automaton.

    masks : as of the function of that name; tokens : (m, max_length) ids, END within the row
    """
    index = tokens.astype(np.int64)
    byte = np.take_along_axis(masks, index[:, :, None] // 8, axis=2)[:, :, 0]
    good = (byte >> (7 - index % 8).astype(np.uint8)) & 1 == 1
    accepted: NDArray[np.bool_] = (good | (tokens == PAD)).all(axis=1) & (tokens == END).any(axis=1)
    return accepted


def _finish(need: Any, room: Any, depth: Any, star: Any, rings: Any, adjacent: Any, ready: Any, xp: Any) -> Any:
    """Count the tokens, END included, of one completion that is always possible.

    `_IMPOSSIBLE` where there is none.

    It closes each open ring by a carbon of its own in the innermost chain that can grow, writes the missing `*`, and
    gives each branch's chain the atom it needs. Following it lowers the count by one a token.

    need : an atom must follow (after `(` and `)`); room : bonds left on the current atom
    adjacent : all open rings were opened by the atom the chain grows from; a carbon is put between
    ready : the current atom can close a ring and still grow
    """
    first_required = need | (room == 0)
    chain = 2 * rings + adjacent - ready
    required = depth + need - (first_required & (chain > 0))
    missing = 1 - star.astype(xp.int32)
    count = chain + xp.maximum(required - missing, 0) + missing + depth + 1
    stuck = ~need & (room == 0) & (depth == 0) & ((rings > 0) | ~star)
    return xp.where(stuck, _IMPOSSIBLE, count)


def _at(values: Any, index: Any, xp: Any) -> Any:
    return xp.take_along_axis(values, index[:, None], axis=1)[:, 0]
