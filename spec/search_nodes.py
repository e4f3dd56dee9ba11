"""Nodes of a search tree, their own histories, and which of them share a key.

A node is known by what was appended to reach it: the root's context, then the tokens of an action
and an observation for each edge. Its context is the window that these leave.
"""

from enum import Enum
from typing import Final, NamedTuple, TypeAlias, assert_never

from spec.ops import EnvId, Key
from spec.window import Column, Columns, Part, Token, append, drop

Chunks: TypeAlias = tuple[Columns, ...]  # what was appended at a time, first to last

BASE: Final = 32  # more than there are labels, environments, roles or weights
OBSERVED: Final = 8  # a real step has its action's label, and this added; an imagined one just that
EPISODE: Final = 16  # and the first label of all, of the first observation, is its episode's
REPLAY: Final = 24  # or that of the recording's part which is replayed


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


class Salt(NamedTuple):
    """Whose a tree is: the environment, the role that searches, the version of the weights."""

    env: EnvId
    role: int = 0
    weights: int = 0


class Latents(Enum):
    """Which nodes of an environment have equal latent states."""

    DISTINCT = "none"
    LATEST = "those after the same action"
    EQUAL = "all, as a dynamics head that starts at zero makes them"


class Keying(Enum):
    """Which nodes share a key, though their histories differ."""

    CHAINED = "none: a key is that of the parent and what was appended, and whose it is"
    LATENT = "of an environment, with equal latent states"
    PATH = "of all environments, after the same steps"
    IMAGINED = "of an environment, imagined by the same actions from whichever root"


class TreePlace(NamedTuple):
    """The labels of all steps since an episode began; the last so many were imagined."""

    labels: tuple[int, ...]
    imagined: int = 0


def first_root(episode: int) -> TreePlace:
    return TreePlace((EPISODE + episode,))


def replayed_root(start: int, steps: int) -> TreePlace:
    """After so many steps of a recording that is read from its `start`-th place on: what came
    before that is no part of its history, though it may be of the same observation's elsewhere."""
    return TreePlace((REPLAY + start, *(OBSERVED,) * steps))


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


def column(salt: Salt, label: int) -> Column:
    """The token of one step, as whoever searches sees it with these weights."""
    return (Token(number(*salt, label)),)


def node(salt: Salt, place: TreePlace) -> Node:
    """A node's own history, a token a step."""
    return Node(salt.env, tuple((column(salt, label),) for label in place.labels))


def latent(latents: Latents, place: TreePlace) -> tuple[int, ...]:
    """What the model makes of a node: all that a key of latents can tell of it."""
    match latents:
        case Latents.DISTINCT:
            return place.labels
        case Latents.LATEST:
            return place.labels[-1:]
        case Latents.EQUAL:
            return ()
        case _:
            assert_never(latents)


def key(keying: Keying, latents: Latents, salt: Salt, place: TreePlace) -> Key:
    """A chained key is the history itself, written as a number: nothing is hashed here."""
    labels, imagined = place
    match keying:
        case Keying.CHAINED:
            return Key(number(*salt, *labels))
        case Keying.LATENT:
            return Key(number(salt.env, *latent(latents, place)))
        case Keying.PATH:
            return Key(number(*labels))
        case Keying.IMAGINED if imagined:
            return Key(number(salt.env, *labels[-imagined:]))
        case Keying.IMAGINED:
            return Key(number(salt.env, *labels))
        case _:
            assert_never(keying)
