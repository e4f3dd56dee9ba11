"""S1 to S4 on one step of a search: what was looked up, what the model wrote, what was stored."""

from typing import Final, NamedTuple

from spec.law import Law
from spec.search_nodes import Node, context, with_room
from spec.search_state import (
    NOWHERE,
    EndEpisode,
    Entries,
    Inferred,
    Learn,
    Names,
    Replay,
    Root,
    SearchOp,
    SearchResponse,
    SearchState,
    Simulate,
    Visit,
    Where,
    stored,
)


class Shown(NamedTuple):
    """What a law sees of a search's state: every entry, where this search has stored, and for which
    node each entry was stored."""

    entries: Entries
    written: frozenset[Where]
    names: Names = ()


class SearchTransition(NamedTuple):
    """What was observed, of contexts of so many tokens, to which each step adds so many new."""

    context_length: int
    new: int
    before: Shown
    op: SearchOp
    response: SearchResponse
    after: Shown

    @property
    def visits(self) -> tuple[Visit, ...]:
        return self.response.visits if isinstance(self.response, Inferred) else ()

    @property
    def modelled(self) -> Entries:
        response = self.response
        return response.modelled if isinstance(response, Inferred) else self.before.entries

    @property
    def put(self) -> frozenset[Where]:
        return self.response.put if isinstance(self.response, Inferred) else NOWHERE

    @property
    def names(self) -> Names:
        return self.response.names if isinstance(self.response, Inferred) else ()


def shown(state: SearchState) -> Shown:
    """A search that is over has written nothing."""
    return Shown(stored(state), state.written if state.searching else NOWHERE, state.names)


def observed(
    before: SearchState, op: SearchOp, response: SearchResponse, after: SearchState
) -> SearchTransition:
    """A step of the specification's own client, whose steps append one token."""
    length = before.client.context_length
    return SearchTransition(length, 1, shown(before), op, response, shown(after))


def retention(t: SearchTransition) -> bool:
    """Nothing that this search stored is gone, not even what this step stored."""
    return t.after.written | t.put <= t.after.entries.keys()


def provenance(t: SearchTransition) -> bool:
    """Each context was built from its node's own history."""
    length = t.context_length
    return all(given == with_room(context(node, length), length, t.new) for node, given in t.visits)


def working_copies(t: SearchTransition) -> bool:
    """Handing out the working batch, the model's writes, and storing change no other entry."""
    before, after = t.before.entries, t.after.entries
    kept = all(after.get(where, was) == was for where, was in before.items() if where not in t.put)
    return t.modelled == before and kept


def one_history(t: SearchTransition) -> bool:
    """A key that is looked up or stored under stands for one node, and so for one history."""
    known: dict[Where, Node] = dict(t.before.names)
    return all(known.setdefault(where, node) == node for where, node in t.names)


def storing(t: SearchTransition) -> bool:
    """The search stores more, having stored something already."""
    more = bool(t.before.written) and t.after.entries != t.before.entries
    return more and isinstance(t.op, Simulate)


def deep(t: SearchTransition) -> bool:
    """A node is visited below the root, whose context has lost tokens."""
    return any(len(node.chunks) > 1 and given.first for node, given in t.visits)


def given_and_written(t: SearchTransition) -> bool:
    """Tokens of a stored entry are given to the model, which then stores more."""
    held = {columns for columns in t.before.entries.values() if columns}
    return t.after.entries != t.before.entries and any(
        given.tokens and given.tokens == columns[len(columns) - len(given.tokens) :]
        for _, given in t.visits
        for columns in held
    )


def named_again(t: SearchTransition) -> bool:
    """A key comes again, while other nodes have entries too."""
    known = dict(t.before.names)
    return len(set(known.values())) > 1 and any(where in known for where, _ in t.names)


EVERY: Final = (Root, Replay, Simulate, EndEpisode, Learn)
SEARCH: Final[tuple[Law[SearchTransition], ...]] = (
    Law("S1", "retention", EVERY, retention, storing),
    Law("S2", "provenance", EVERY, provenance, deep),
    Law("S3", "working copies", EVERY, working_copies, given_and_written),
    Law("S4", "one history", EVERY, one_history, named_again),
)
