"""A clone that is another window onto the same storage.

Consequence: under COPY the pool's private copy changes whenever the client writes.
"""

from kvref.tensors import KeysValues
from kvref.tensors.layout import Held
from stateful_models.reference.tensor_pool import KvrefTensorPool


class Viewed(KeysValues):
    def clone(self) -> KeysValues:
        (span,) = self._as_spans()
        held = Held((), span.block, span.stop - span.start, self.first)
        return type(self)._of(self._layout, len(self), held)


class CopiesAreViews(KvrefTensorPool):
    window_type = Viewed
