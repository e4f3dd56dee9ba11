"""The one breadth-first search: levels of nodes, what was visited, how each node was reached.

Nodes are numbered as they are found. Of each are kept what identifies it, its parent's number and
which of its parent's moves led to it; histories are retraced from these when they are needed, and
only two levels hold the nodes themselves.
"""

from array import array
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Generic, NamedTuple, TypeAlias, TypeVar

N = TypeVar("N")
S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states
T = TypeVar("T")


class Reached(NamedTuple, Generic[N]):
    """A node to be expanded, with the moves that lead to it from the root."""

    node: N
    path: tuple[int, ...]


class Successor(NamedTuple, Generic[N]):
    """What one move leads to from the `parent`-th node of a task. It `stands_for` so many states.

    `move` is the operation's place among those possible in the parent.
    """

    parent: int
    move: int
    node: N
    key: Hashable
    stands_for: int = 1


Work: TypeAlias = Callable[[list[Reached[N]]], tuple[list[Successor[N]], T]]
"""What a task found, and what it has to tell."""


class Progress(NamedTuple):
    """Of one search so far; `waiting` nodes are still to be expanded."""

    states: int
    transitions: int
    depth: int
    waiting: int
    seconds: float


class Frontier(Generic[N]):
    """A breadth-first search; `task` is the least number of nodes that is worth a task; with 1,
    each is a task of its own.

    `depth`, `states`, `represented` speak of complete levels: while one is expanded, of it and of
    those before.
    """

    def __init__(
        self,
        root: N,
        key: Hashable,
        stands_for: int = 1,
        *,
        task: int = 1,
        executor: Executor | None = None,
        jobs: int = 1,
    ) -> None:
        self.visited: set[Hashable] = {key}
        self.parents, self.moves = array("Q", [0]), array("I", [0])
        self.level, self.following, self.taken = [root], list[N](), 0
        self.depth, self.represented, self.found = 0, stands_for, stands_for
        self.task, self.executor, self.jobs = task, executor, jobs

    @property
    def states(self) -> int:
        """Nodes of the level that is expanded, and of those before it."""
        return len(self.visited) - len(self.following)

    @property
    def waiting(self) -> int:
        return len(self.level) - self.taken + len(self.following)

    def path(self, number: int) -> tuple[int, ...]:
        """The moves that lead from the root to a node."""
        moves = []
        while number:
            moves.append(self.moves[number])
            number = self.parents[number]
        return tuple(reversed(moves))

    def run(
        self, work: Callable[[bool], Work[N, T]], enough: Callable[[], bool] = lambda: False
    ) -> Iterator[T]:
        """Level by level what each task tells, in order, whoever did it.

        `work(here)` makes a task's work, to be done in this process or in another. Whether it is
        `enough` is asked after each level; to stop at once, stop iterating: what the task that was
        told of last has found is then not taken in.
        """
        while self.level:
            for start, size, (found, told) in self.expansions(work):
                self.taken = start + size
                yield told
                for one in found:
                    self.admit(start + one.parent, one)
            if enough():
                return
            self.advance()

    def expansions(
        self, work: Callable[[bool], Work[N, T]]
    ) -> Iterator[tuple[int, int, tuple[list[Successor[N]], T]]]:
        """Each task of this level: where it starts, how many nodes it has, what came of it."""
        size = max(self.task, -(-len(self.level) // (4 * self.jobs))) if self.task > 1 else 1
        starts = range(0, len(self.level), size)
        if self.executor is None or len(starts) == 1:
            for start in starts:
                nodes = self.reached(start, size)
                yield start, len(nodes), work(True)(nodes)
            return
        far = work(False)
        tasks = [(at, self.executor.submit(far, self.reached(at, size))) for at in starts]
        try:
            for start, task in tasks:
                yield start, size, task.result()
        finally:
            for _, task in tasks:
                task.cancel()

    def reached(self, start: int, size: int) -> list[Reached[N]]:
        first = self.states - len(self.level) + start
        nodes = self.level[start : start + size]
        return [Reached(node, self.path(first + n)) for n, node in enumerate(nodes)]

    def admit(self, parent: int, one: Successor[N]) -> None:
        """Take in what was not met before. `parent` is a place in the level."""
        if one.key in self.visited:
            return
        number = self.states - len(self.level) + parent
        self.visited.add(one.key)
        self.following.append(one.node)
        self.parents.append(number)
        self.moves.append(one.move)
        self.found += one.stands_for

    def advance(self) -> None:
        """On to the next level."""
        self.depth += bool(self.following)
        self.level, self.following, self.taken = self.following, [], 0
        self.represented = self.found


class Retraced(Generic[S, O]):
    """Histories from paths. Paths that come one after another share most of their steps."""

    def __init__(
        self,
        start: S,
        operations: Callable[[S], Sequence[O]],
        step: Callable[[S, O], S],
    ) -> None:
        self.operations, self.step = operations, step
        self.path: tuple[int, ...] = ()
        self.states, self.history = [start], list[O]()

    def __call__(self, path: tuple[int, ...]) -> tuple[O, ...]:
        """The operations that these moves were."""
        shared = 0
        for one, other in zip(self.path, path, strict=False):
            if one != other:
                break
            shared += 1
        del self.states[shared + 1 :], self.history[shared:]
        for move in path[shared:]:
            state = self.states[-1]
            op = self.operations(state)[move]
            self.history.append(op)
            self.states.append(self.step(state, op))
        self.path = path
        return tuple(self.history)
