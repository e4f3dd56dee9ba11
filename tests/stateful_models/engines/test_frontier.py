"""The one breadth-first search, on a grid whose levels and paths are known.

A node is (x, y), 0 <= x, y < SIDE; the moves are right, up and stay. At depth d there are the
points with x + y = d, each first reached by d moves.
"""

from collections.abc import Hashable, Set
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import pytest

from stateful_models.engines.frontier import Frontier, Reached, Retraced, Successor, Work

SIDE = 4
Point = tuple[int, int]
RIGHT, UP, STAY = range(3)


def moved(point: Point, move: int) -> Point:
    x, y = point
    return (x + 1, y) if move == RIGHT else (x, y + 1) if move == UP else point


def expand(
    nodes: list[Reached[Point]], known: Set[Hashable] = frozenset()
) -> tuple[list[Successor[Point]], list[Reached[Point]]]:
    """What lies on the grid; a point stands for as many as its place on the diagonal."""
    found = [
        Successor(parent, move, after, after, 1 + after[0])
        for parent, (point, _) in enumerate(nodes)
        for move in (RIGHT, UP, STAY)
        if max(after := moved(point, move)) < SIDE and after not in known
    ]
    return found, nodes


def searched(
    task: int = 1, executor: Executor | None = None, depth: int | None = None
) -> tuple[Frontier[Point], list[Reached[Point]]]:
    frontier = Frontier((0, 0), (0, 0), task=task, executor=executor, jobs=2)

    def work(here: bool) -> Work[Point, list[Reached[Point]]]:
        return partial(expand, known=frontier.visited if here else frozenset[Hashable]())

    told = frontier.run(work, lambda: frontier.depth + 1 == depth)
    return frontier, [one for nodes in told for one in nodes]


@pytest.mark.parametrize("task", [1, 2, 40])
def test_every_node_is_expanded_once_level_by_level(task: int) -> None:
    frontier, seen = searched(task)
    assert len(seen) == len({one.node for one in seen}) == frontier.states == SIDE**2
    depths = [sum(one.node) for one in seen]
    assert depths == sorted(depths)
    assert frontier.depth == 2 * (SIDE - 1)
    assert (frontier.waiting, frontier.level) == (0, [])


def test_a_path_has_the_fewest_moves_and_leads_to_its_node() -> None:
    _, seen = searched()
    for point, path in seen:
        assert len(path) == sum(point)
        at = 0, 0
        for move in path:
            at = moved(at, move)
        assert at == point


def test_what_a_node_stands_for_is_counted_once() -> None:
    """The root for one; every other point for one more than its x: each x in SIDE places."""
    frontier, _ = searched()
    assert frontier.represented == SIDE * sum(range(1, SIDE + 1))


def test_tasks_done_elsewhere_come_to_the_same() -> None:
    alone = searched(2)
    with ThreadPoolExecutor(2) as executor:
        together = searched(2, executor)
    assert together[1] == alone[1]
    assert together[0].parents == alone[0].parents
    assert together[0].moves == alone[0].moves


def test_enough_is_asked_after_each_level() -> None:
    """Two levels: the root, and the two points beside it; the three behind them are found."""
    frontier, seen = searched(depth=2)
    assert [one.node for one in seen] == [(0, 0), (1, 0), (0, 1)]
    assert (frontier.states, len(frontier.following), frontier.depth) == (3, 3, 1)
    assert frontier.waiting == 3


def test_what_is_told_of_last_is_not_taken_in_when_the_search_stops_there() -> None:
    frontier = Frontier((0, 0), (0, 0))
    for _ in frontier.run(lambda here: expand):
        break
    assert (frontier.states, frontier.following) == (1, [])


def test_histories_are_retraced_in_whatever_order_paths_come() -> None:
    """Operations are named by where they are done, so that a wrong state gives a wrong name."""
    steps: list[Point] = []

    def step(point: Point, op: str) -> Point:
        steps.append(point)
        return moved(point, int(op[-1]))

    def operations(point: Point) -> list[str]:
        return [f"{point} {move}" for move in (RIGHT, UP, STAY)]

    retraced = Retraced((0, 0), operations, step)
    assert retraced((RIGHT, UP)) == ("(0, 0) 0", "(1, 0) 1")
    assert retraced((RIGHT, RIGHT)) == ("(0, 0) 0", "(1, 0) 0")
    assert len(steps) == 3, "what they share is not done again"
    assert retraced(()) == ()
    assert retraced((UP, UP, RIGHT)) == ("(0, 0) 1", "(0, 1) 1", "(0, 2) 0")
    assert retraced((UP,)) == ("(0, 0) 1",)


def test_a_path_has_its_moves_in_their_order() -> None:
    """On words over two letters, each of which is its own path."""

    def longer(nodes: list[Reached[str]]) -> tuple[list[Successor[str]], list[Reached[str]]]:
        found = [
            Successor(parent, move, word + str(move), word + str(move))
            for parent, (word, _) in enumerate(nodes)
            for move in (0, 1)
            if len(word) < 3
        ]
        return found, nodes

    frontier = Frontier("", "")
    seen = [one for nodes in frontier.run(lambda here: longer) for one in nodes]
    assert [one.node for one in seen] == ["".join(map(str, one.path)) for one in seen]
    assert len(seen) == 2**4 - 1
