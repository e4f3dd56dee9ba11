"""Every search within a scope, breadth first: which laws break, after which shortest search."""

from dataclasses import dataclass, field
from typing import NamedTuple

from spec.search_laws import SEARCH, SearchTransition
from spec.search_state import SearchOp
from stateful_models.engines.frontier import Frontier, Reached, Retraced, Successor
from stateful_models.scopes.searches import SearchScope, Stage


class Broken(NamedTuple):
    """A shortest history whose last step breaks a law."""

    law: str
    history: tuple[SearchOp, ...]
    seen: SearchTransition


@dataclass
class SearchReport:
    """What was exhausted, the first history found to break each law, and what occurred."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    closed: bool = True
    broken: dict[str, Broken] = field(default_factory=dict)
    occurred: set[str] = field(default_factory=set)


def explore_searches(
    scope: SearchScope, laws: frozenset[str] = frozenset(), most: int = 0
) -> SearchReport:
    """Every search within scope, until each of `laws` has been broken.

    `most`: how many states to visit; 0: all.
    """
    return SearchExplorer(scope, laws, most).run()


@dataclass
class SearchExplorer:
    scope: SearchScope
    laws: frozenset[str]
    most: int

    def run(self) -> SearchReport:
        scope, start = self.scope, self.scope.initial()
        self.report = report = SearchReport()
        self.retraced = Retraced(
            start, lambda stage: tuple(scope.ops(stage)), lambda stage, op: scope.step(stage, op)[0]
        )
        frontier = Frontier(start, scope.essence(start))
        for _ in frontier.run(lambda here: self.expand):
            if not report.closed:
                break
        report.depth = frontier.depth
        return report

    def expand(self, nodes: list[Reached[Stage]]) -> tuple[list[Successor[Stage]], None]:
        """Every step from these states, until enough has been seen."""
        report, found = self.report, list[Successor[Stage]]()
        for parent, (stage, path) in enumerate(nodes):
            if self.most and report.states == self.most:
                report.closed = False
                break
            report.states += 1
            for move, op in enumerate(self.scope.ops(stage)):
                after, told = self.scope.step(stage, op)
                report.transitions += 1
                self.note(path, op, told)
                if self.laws and self.laws <= report.broken.keys():
                    report.closed = False
                    return found, None
                found.append(Successor(parent, move, after, self.scope.essence(after)))
        return found, None

    def note(self, path: tuple[int, ...], op: SearchOp, seen: SearchTransition) -> None:
        report = self.report
        for law in SEARCH:
            if law.code not in report.broken and not law.holds(seen):
                report.broken[law.code] = Broken(law.code, (*self.retraced(path), op), seen)
            if law.code not in report.occurred and law.occurs(seen):
                report.occurred.add(law.code)
