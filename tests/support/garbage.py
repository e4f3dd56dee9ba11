"""Typed garbage: values of every kind that a careless or hostile caller may pass."""

import itertools
import math
import warnings
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from kvref import EvictionStrategy, KVCachePool, Ownership
from kvref.tensors import KeysValues


class HostileError(Exception):
    """What a foreign object raises when it is asked anything."""


def raising(*names: str, error: type[BaseException] = HostileError) -> object:
    """An object whose methods of these names raise."""

    def fail(self: object, *arguments: object) -> object:
        raise error("asked")

    return type("Raises", (), dict.fromkeys(names, fail))()


class Odd:
    """Its type's name is that of a builtin, which naive reprs go by."""


Odd.__name__ = "set"


class Level(IntEnum):
    ONE = 1


class Kind(Enum):
    ONE = "one"


def of_numpy() -> list[object]:
    return [
        np.bool_(True),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.float16(0.5),
        np.float32(math.nan),
        np.longdouble("0.1"),
        np.complex64(1 + 2j),
        np.str_("text"),
        np.datetime64("2026-01-01"),
        np.array(3),
        np.array([1, 2]),
        np.array([True, False]),
        np.array([[0.5]]),
        np.array([object()]),
        np.zeros(0),
        np.zeros((2, 3), order="F"),
        np.array([(1, 2.0)], dtype=[("O", "i4"), ("b", "f8")]),
    ]


def of_torch() -> list[object]:
    with FakeTensorMode():
        fake = torch.ones(2, 2)
    with torch.inference_mode():
        inferred = torch.ones(2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested and quantized tensors are on their way out
        nested = torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])
        quantized = torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8)
        sparse = torch.ones(2, 2).to_sparse_csr()
    return [
        torch.tensor(True),
        torch.tensor(3),
        torch.tensor(0.5),
        torch.tensor(math.nan),
        torch.tensor([1, 2]),
        torch.tensor([True, False]),
        torch.tensor(1 + 2j),
        torch.ones(2, 2, requires_grad=True),
        torch.ones(2, 2).neg(),
        torch.ones(1, 1, 1, 2),
        torch.ones(2, 1, 1, 1, 2),
        torch.ones(0),
        torch.empty((2, 2), device="meta"),
        torch.ones(2, 2).to_sparse(),
        sparse,
        nested,
        quantized,
        fake,
        inferred,
        torch.ones(2, 2, dtype=torch.bfloat16),
        torch.ones(2, 2).to(torch.float8_e4m3fn),
        torch.device("cpu"),
        torch.float16,
        torch.int64,
        torch.float4_e2m1fn_x2,
    ]


def of_python() -> list[object]:
    return [
        None,
        True,
        0,
        -1,
        2**62,
        -(2**64),
        10**5000,
        0.5,
        math.nan,
        -math.inf,
        1 + 2j,
        Fraction(1, 3),
        Decimal("0.1"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Level.ONE,
        Kind.ONE,
        "text",
        "cuda:99",
        "",
        "\udcff",
        b"5",
        bytearray(b"5"),
        memoryview(b"5"),
        [],
        [0, 1],
        [[0], ["x"]],
        ["a", None],
        (True, False),
        {0: 1},
        {1, 2},
        range(3),
        (number for number in (0, 1)),
        itertools.count(),
        itertools.repeat(True),
        object(),
        Odd(),
        int,
        len,
        lambda *arguments: None,
        date(2026, 1, 1),
        Path("/nowhere/at/all"),
        SimpleNamespace(),
        SimpleNamespace(dtype="bool", shape=()),
        EvictionStrategy.LRU,
        Ownership.COPY,
        KVCachePool(1),
        KeysValues(1, 1, 2, 2, 1),
        raising("__index__"),
        raising("__float__"),
        raising("__index__", "__float__", error=KeyError),
        raising("__iter__"),
        raising("__len__", "__getitem__", error=MemoryError),
        raising("__bool__"),
        raising("__repr__", "__str__"),
        raising("__eq__", "__ne__"),
        raising("__hash__"),
        raising("tolist", "tobytes", "__buffer__"),
        raising("__getattr__"),
        raising("__call__"),
    ]


SOURCES: tuple[Callable[[], list[object]], ...] = (of_python, of_numpy, of_torch)


def garbage() -> list[object]:
    """New ones every time: some can be used once only."""
    return [value for source in SOURCES for value in source()]
