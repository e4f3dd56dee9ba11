"""What the engines ask of a subject: to perform operations, and to show its state if it can."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from spec.ops import ManagerOp, Op, Ref, Response
from spec.profile import Profile
from spec.sizing import Config
from spec.window import WindowOp
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Client
from stateful_models.subjects.naming import Naming

O_contra = TypeVar("O_contra", contravariant=True)
S_co = TypeVar("S_co", covariant=True)


@runtime_checkable
class Subject(Protocol[O_contra]):
    """One cache under test. `reports` names the aspects that its responses fill in."""

    reports: frozenset[Aspect]

    def perform(self, op: O_contra) -> Response: ...


@runtime_checkable
class Transparent(Protocol[S_co]):
    """A subject that can show its state as the specification's."""

    def abstract(self) -> S_co: ...


@runtime_checkable
class Retaining(Protocol):
    """A subject of which it can be told, at any time, what it keeps alive."""

    def retained(self) -> tuple[frozenset[Ref], int]: ...


@runtime_checkable
class Named(Protocol):
    """A subject whose driver calls keys, priorities and values by other names."""

    naming: Naming
    client: Client


class SubjectError(Exception):
    """A subject that cannot be driven at all; one line says why."""


PoolFactory: TypeAlias = Callable[[Profile, int, int], Subject[Op]]
"""(profile, capacity, number of objects) -> a new subject."""
ManagerFactory: TypeAlias = Callable[[Profile, Config, int, int], Subject[ManagerOp]]
"""(profile, configuration, environments, number of objects) -> a new subject."""
WindowFactory: TypeAlias = Callable[[int, int, int, int], Subject[WindowOp]]
"""(capacity, samples, layers, places) -> a new subject."""
