"""Pools whose values hold real tensors: R1 to R5 on windows.

A value is a `Box` whose contents are a token in a `KeysValues`; sealing and copying are the
window's own.
"""

from typing import ClassVar
from weakref import ref as weak

import torch

from kvref.tensors import KeysValues
from spec.ops import Contents, Ref
from spec.window import Token
from stateful_models.reference.pool import KvrefPool
from stateful_models.subjects.client import Box, Client
from stateful_models.subjects.tokens import columns, rows


class TensorBox(Box):
    """Contents are read from, and written into, a window of one token."""

    __slots__ = ("window",)

    def __init__(self, ref: Ref, window: KeysValues, copies: "list[weak[Box]]") -> None:
        self.window = window
        self.ref = ref
        self.copies = copies

    @property  # type: ignore[misc]  # written by `write` alone
    def contents(self) -> Contents:
        tokens = {columns(p, n)[0][0] for n, p in enumerate(self.window[0].get())}
        return Contents(tokens.pop()) if len(tokens) == 1 else Contents(-1)

    @property
    def sealed(self) -> bool:  # type: ignore[override]  # a plain attribute in Box
        return self.window.sealed

    def write(self, contents: Contents) -> None:
        column = ((Token(contents),),)
        with torch.no_grad():
            self.window[0].reset()  # so that the new token is written where the old one was
            self.window[0].update(rows(column, 0), rows(column, 1))

    def seal(self) -> None:
        self.window.seal()

    def clone(self) -> "TensorBox":
        copy = TensorBox(self.ref, self.window.clone(), self.copies)
        self.copies.append(weak(copy))
        return copy


class TensorClient(Client):
    """A client whose objects are windows of one token, all of one kind."""

    def __init__(self, objects: int, window_type: type[KeysValues]) -> None:
        self.window_type = window_type
        super().__init__(objects)

    def make(self, ref: Ref) -> object:
        box = TensorBox(ref, self.window_type(1, 1, 1, 1, 1, dtype=torch.float32), self.copies)
        box.write(Contents(ref))
        return box


class KvrefTensorPool(KvrefPool):
    """kvref's pool, storing windows of `window_type`."""

    window_type: ClassVar[type[KeysValues]] = KeysValues

    def make_client(self, objects: int) -> Client:
        return TensorClient(objects, self.window_type)
