"""Which node of a search each lookup and store of the published code is for: for recordings."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count
from typing import cast

from kvref.compat.lightzero.published import Inference, Outputs
from kvref.compat.lightzero.tree import Tree
from kvref.recording import Recorder
from kvref.tensors import KeysValues

RECUR = "recur"


class Nodes:
    """Numbers the nodes of a world model's searches, and says which one is at work.

    The published code takes its rows in order, and the same order for lookups and for stores: a
    row's lookup begins in its own init pool, and recur's stores come row by row.
    """

    def __init__(self, tree: Tree, recorder: Recorder[KeysValues]) -> None:
        self._tree, self._recorder = tree, recorder
        self._numbers = count()
        self._latest: dict[int, int] = {}
        self._search: list[list[int]] = []
        self._asked: Sequence[int | None] = ()
        self._stored: Iterator[int] = iter(())
        self._row = 0

    def _new(self, rows: int) -> list[int]:
        return [next(self._numbers) for _ in range(rows)]

    def roots(self, call: Callable[..., Outputs]) -> Callable[..., Outputs]:
        """An initial inference: rows ask for their last roots, and store new ones."""

        def told(
            last: object, actions: object = None, observed: object = None, start: object = 0
        ) -> Outputs:
            if observed is None:
                return call(last, actions, observed, start)
            made = self._new(len(cast(Sequence[object], observed)))
            with self._at_work([self._latest.get(row) for row in range(len(made))], made):
                outputs = call(last, actions, observed, start)
            self._latest |= dict(enumerate(made))
            self._search = [[node] for node in made]
            return outputs

        return told

    def simulation(self, call: Callable[..., Inference]) -> Callable[..., Inference]:
        """A recurrent inference: rows ask for the nodes that they expand, and store children."""

        def told(*given: object, **named: object) -> Inference:
            expanding = self._tree.expanding()
            if expanding is None or len(expanding) != len(self._search):
                return call(*given, **named)
            parents = [nodes[place] for nodes, place in zip(self._search, expanding, strict=True)]
            made = self._new(len(parents))
            with self._at_work(parents, made):
                result = call(*given, **named)
            for nodes, node in zip(self._search, made, strict=True):
                nodes.append(node)
            return result

        return told

    @contextmanager
    def _at_work(self, asked: Sequence[int | None], stored: Sequence[int]) -> Iterator[None]:
        self._asked, self._stored = asked, iter(stored)
        try:
            yield
        finally:
            self._asked, self._stored = (), iter(())

    def asking(self, pool: str) -> AbstractContextManager[None]:
        """While this pool is asked."""
        if pool != RECUR:
            self._row = int(pool.partition(":")[2])
        known = self._row < len(self._asked)
        return self._acting_for(self._asked[self._row] if known else None)

    def storing(self) -> AbstractContextManager[None]:
        """While the next row's context is stored."""
        return self._acting_for(next(self._stored, None))

    def _acting_for(self, node: int | None) -> AbstractContextManager[None]:
        return nullcontext() if node is None else self._recorder.acting_for(node)
