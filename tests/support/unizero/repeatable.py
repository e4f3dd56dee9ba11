"""Whatever makes two runs of the published system differ, held still from outside; then undone."""

import contextlib
import ctypes
import io
import logging
import os
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import numpy as np
import torch

T = TypeVar("T")

RETURN: Final = b"\xc3"
"""x86-64's `ret`; the published wheel knows no other machine."""


@contextlib.contextmanager
def attribute(owner: object, name: str, value: object) -> Iterator[None]:
    """`owner.name` is `value` for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def seed_everything(seed: int) -> None:
    ctypes.CDLL("libc.so.6").srand(seed + 1)
    np.random.seed(seed)
    torch.manual_seed(seed)
    random.seed(seed)


@contextlib.contextmanager
def unclocked_ties() -> Iterator[None]:
    """The tree breaks ties by C's `rand` as we seeded it.

    As published each traversal seeds it by the clock. The function that does so is exported, and
    returns at once for a while; its first byte is changed in this process's memory alone.
    """
    from lzero.mcts.ctree.ctree_muzero import mz_tree

    function = ctypes.CDLL(mz_tree.__file__)["_Z26get_time_and_set_rand_seedv"]
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    before = ctypes.string_at(address, 1)
    write(address, RETURN)
    try:
        yield
    finally:
        write(address, before)


def write(address: int, code: bytes) -> None:
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(address)
        memory.write(code)


@contextlib.contextmanager
def seeded_environments(seed: int, steps: int) -> Iterator[None]:
    """Each environment made meanwhile is seeded, once, and ends after so many steps at most."""
    import gymnasium

    make: Callable[..., gymnasium.Env[object, object]] = gymnasium.make
    made = 0

    def seeded(*names: str, **options: object) -> gymnasium.Env[object, object]:
        nonlocal made
        made += 1
        environment = make(*names, **options, max_episode_steps=steps)
        environment.reset(seed=seed * 1000 + made)
        return environment

    with attribute(gymnasium, "make", seeded):
        yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing printed, logged or warned of; what is written goes into a folder that is removed.

    One thread, too.
    """
    disabled, threads = logging.root.manager.disable, torch.get_num_threads()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        os.environ.setdefault("WANDB_MODE", "disabled")
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            logging.disable(disabled)
