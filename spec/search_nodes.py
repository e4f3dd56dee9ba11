"""Nodes of a search tree, their own histories, and which of them share a key.

A node is known by what was appended to reach it: the root's context, then the tokens of an action
and an observation for each edge. Its context is the window that these leave.
"""

from enum import Enum
from typing import Final, NamedTuple, TypeAlias, assert_never

from spec.ops import EnvId, Key
from spec.window import Column, Columns, Part, Token, append, drop

Chunks: TypeAlias = tuple[Columns, ...]  # what was appended at a time, first to last

BASE: Final = 32  # more than there are labels, environments or weights
OBSERVED: Final = 8  # a real step has its action's label, and this added; an imagined one just that
EPISODE: Final = 16  # and the first label of all, of the first observation, is its episode's


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


class Keying(Enum):
    """Which nodes share a key, though their histories differ."""

    HISTORY = "none"
    STATE = "of an environment, after the same action"
    PATH = "of all environments, after the same steps"
    IMAGINED = "of an environment, imagined by the same actions from whichever root"


class TreePlace(NamedTuple):
    """The labels of all steps since an episode began; the last so many were imagined."""

    labels: tuple[int, ...]
    imagined: int = 0


def first_root(episode: int) -> TreePlace:
    return TreePlace((EPISODE + episode,))


def next_root(root: TreePlace, action: int = 0) -> TreePlace:
    """What really happened differs from what was imagined of the same action."""
    return TreePlace((*root.labels, OBSERVED + action))


def child(place: TreePlace, action: int) -> TreePlace:
    return TreePlace((*place.labels, action), place.imagined + 1)


def number(*digits: int) -> int:
    """Different digits, different numbers."""
    total = 0
    for digit in digits:
        total = total * BASE + digit + 1
    return total


def column(env: EnvId, weights: int, label: int) -> Column:
    """The token of one step, as an environment's model sees it with these weights."""
    return (Token(number(env, weights, label)),)


def node(env: EnvId, weights: int, place: TreePlace) -> Node:
    """A node's own history, a token a step."""
    return Node(env, tuple((column(env, weights, label),) for label in place.labels))


def key(keying: Keying, env: EnvId, place: TreePlace) -> Key:
    labels, imagined = place
    match keying:
        case Keying.HISTORY:
            return Key(number(env, *labels))
        case Keying.STATE:
            return Key(number(env, labels[-1]))
        case Keying.PATH:
            return Key(number(*labels))
        case Keying.IMAGINED if imagined:
            return Key(number(env, *labels[-imagined:]))
        case Keying.IMAGINED:
            return Key(number(env, *labels))
        case _:
            assert_never(keying)
