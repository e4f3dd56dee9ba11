"""S1 to S3 on one step of a search: what was looked up, what the model wrote, what was stored.

A node is known by what was appended to reach it: the root's context, then the tokens of an action
and an observation for each edge. Its context is the window that these leave.
"""

from typing import Final, NamedTuple

from spec.ops import EnvId, Key
from spec.transition import Law
from spec.window import Columns, Part, append, drop

Chunks = tuple[Columns, ...]  # what was appended at a time, first to last
Where = tuple[str, Key]  # a pool's name and a key in it


class Node(NamedTuple):
    env: EnvId
    chunks: Chunks


def context(node: Node, capacity: int) -> Part:
    """The window that appending the node's chunks, one by one, leaves."""
    part = Part()
    for chunk in node.chunks:
        part = append(part, capacity, chunk[-capacity:])
    return part


def with_room(part: Part, capacity: int, new: int) -> Part:
    """What a step works on: the context without what its new tokens will push out."""
    dropped = drop(capacity, len(part.tokens), new)
    return Part(part.tokens[dropped:], part.first + dropped)


class Visit(NamedTuple):
    """One row of a step: the node looked up, and the context that the model was given."""

    node: Node
    given: Part


class SearchStep(NamedTuple):
    """One step of a search, as observed.

    Every entry of every pool `before` the step; when the model had written, but nothing had been
    stored (`modelled`); `after` the step. `put`: what the step stored; `written`: what this search
    had stored before it.
    """

    capacity: int
    new: int
    visits: tuple[Visit, ...]
    before: dict[Where, Columns]
    modelled: dict[Where, Columns]
    after: dict[Where, Columns]
    written: frozenset[Where]
    put: frozenset[Where]


def retention(step: SearchStep) -> bool:
    """S1: nothing that this search stored is gone, not even what this step stored."""
    return step.written | step.put <= step.after.keys()


def provenance(step: SearchStep) -> bool:
    """S2: each context was built from its node's own history."""
    return all(
        given == with_room(context(node, step.capacity), step.capacity, step.new)
        for node, given in step.visits
    )


def working_copies(step: SearchStep) -> bool:
    """S3: handing out the working batch, the model's writes, and storing change no other entry."""
    kept = all(
        step.after.get(where, was) == was
        for where, was in step.before.items()
        if where not in step.put
    )
    return step.modelled == step.before and kept


def storing(step: SearchStep) -> bool:
    """The search stores more, having stored something already."""
    return bool(step.written) and step.after != step.before


def deep(step: SearchStep) -> bool:
    """A node is visited below the root, whose context has lost tokens."""
    return any(len(node.chunks) > 1 and given.first for node, given in step.visits)


def given_and_written(step: SearchStep) -> bool:
    """Tokens of a stored entry are given to the model, which then stores more."""
    stored = {columns for columns in step.before.values() if columns}
    return step.after != step.before and any(
        given.tokens and given.tokens == columns[len(columns) - len(given.tokens) :]
        for _, given in step.visits
        for columns in stored
    )


ABOUT: Final = (SearchStep,)
SEARCH: Final[tuple[Law[SearchStep], ...]] = (
    Law("S1", "retention", ABOUT, retention, storing),
    Law("S2", "provenance", ABOUT, provenance, deep),
    Law("S3", "working copies", ABOUT, working_copies, given_and_written),
)
