"""What one check established, for whoever called it."""

from dataclasses import dataclass
from typing import TypeAlias

from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import ScopeName
from stateful_models.scopes.windows import WindowScope

Wanted: TypeAlias = ScopeName | str | PoolScope | ManagerScope | WindowScope
"""How far to look: "small", "default" or "large", or a scope."""


@dataclass(frozen=True)
class Counterexample:
    """The shortest history found that goes wrong: the operations, and the story for people.

    `repro` is a pytest file that fails as long as it does; empty where there is none.
    """

    laws: tuple[str, ...]
    history: tuple[object, ...]
    story: str
    repro: str = ""


@dataclass(frozen=True)
class Report:
    """What a check established. `statement` says it in words, with the story if a law is broken.

    assert report.conforms, report.statement
    """

    subject: str
    conforms: bool
    statement: str
    counterexample: Counterexample | None = None

    def __str__(self) -> str:
        return self.statement


def name_of(subject: object) -> str:
    where, name = getattr(subject, "__module__", ""), getattr(subject, "__qualname__", "")
    return f"{where}:{name}" if where and name else repr(subject)
