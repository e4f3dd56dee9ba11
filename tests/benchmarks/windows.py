"""A fork that goes on against a clone that does: ratios from one run.

    python -m tests.benchmarks.windows [--quick]

A thousand updates of one token, in every layer, by one thread; both begin from the same window.
"""

import sys

import torch

from kvref.tensors import KeysValues
from tests.benchmarks.measure import Work, best_of

LAYERS, HEADS, WIDTH = 4, 8, 64


def window() -> KeysValues:
    kv = KeysValues(1, HEADS, 3000, HEADS * WIDTH, LAYERS)
    update(kv, 1)
    kv.seal()
    return kv


def update(kv: KeysValues, times: int) -> None:
    x = torch.zeros(1, HEADS, 1, WIDTH)
    for _ in range(times):
        for layer in kv:
            layer.update(x, x)


def held(kv: KeysValues) -> int:
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in kv.pieces()}
    return sum(storages.values())


def main(quick: bool) -> None:
    torch.set_num_threads(1)
    updates, rounds = (50, 2) if quick else (1000, 5)
    begin = window()
    with torch.no_grad():
        works: dict[str, Work] = {
            "clone": lambda: update(begin.clone(), updates),
            "fork": lambda: update(begin.fork(), updates),
            "new": lambda: update(KeysValues(1, HEADS, 3000, HEADS * WIDTH, LAYERS), updates),
        }
        took = best_of(works, rounds)
        fork = begin.fork()
        update(fork, updates)
    tokens = (updates + 1) * 2 * LAYERS * HEADS * WIDTH * 4
    print(f"{updates} updates of one token, {LAYERS} layers of {HEADS} heads of {WIDTH}:")
    print(f"  a fork takes {took['fork'] / took['clone']:.2f} of the time of a clone, ", end="")
    print(f"{took['fork'] / took['new']:.2f} of that of a new window with room for all;")
    print(f"  it holds {held(fork) / tokens:.2f} of the bytes of its tokens")


if __name__ == "__main__":
    main("--quick" in sys.argv)
