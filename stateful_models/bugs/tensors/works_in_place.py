"""A session that hands out the stored window itself when the batch has one row: why copy it?

Consequence: the model appends to the cached entry, and the next lookup gets a longer history.
"""

from kvref.tensors import KeysValues, SearchSession, Step
from stateful_models.reference.sessions import KvrefSession


class InPlaceStep(Step):
    def __enter__(self) -> "InPlaceStep":
        super().__enter__()
        init, recur = self._sought()[0] if len(self.env_ids) == 1 else (None, None)
        window = recur if init is None else init
        if window is not None and not window.sealed:
            self.keys_values = window
        return self

    def _store(self) -> None:
        """The window was updated where it is stored; it is stored again under the child's key."""
        if isinstance(self.keys_values, KeysValues) and self._children is not None:
            (key,) = self.contexts.handles.keys(self._children)
            self.contexts.manager.set_recur_cache(key, self.keys_values.clone())


class InPlaceSession(SearchSession):
    step_type = InPlaceStep


class WorksInPlace(KvrefSession):
    session_type = InPlaceSession
