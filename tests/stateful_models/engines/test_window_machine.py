"""Long random histories of windows and batches, and proof that the machine would notice."""

from typing import ClassVar

import pytest
import torch
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kvref.tensors import KeysValues
from stateful_models.engines.machines.profiles import CI, NIGHTLY, chosen
from stateful_models.engines.machines.windows import WindowMachine
from tests.support.night import NIGHT

FINDING = settings(CI, phases=(Phase.generate,), report_multiple_bugs=False)
"""Until something is found; the shortest such history is of no interest here."""


def on(device: str, kind: type[KeysValues] = KeysValues) -> type[WindowMachine]:
    name: str = device

    class Machine(WindowMachine):
        window_type = kind
        device: ClassVar[str] = name

    return Machine


def test_windows_refine_the_specification(device: str) -> None:
    """By day a third of the examples: windows are explored besides."""
    day = settings(CI, max_examples=20)
    run_state_machine_as_test(on(device), settings=chosen() if NIGHT else day)


def test_nightly_runs() -> None:
    run_state_machine_as_test(on("cpu"), settings=settings(NIGHTLY, max_examples=2))


class ClonesShare(KeysValues):
    """Copies nothing."""

    def clone(self) -> KeysValues:
        made = KeysValues._of(self._now(), len(self), self._held)
        made._layers = self._every_layer()
        return made


class ClonesInFloat(KeysValues):
    """Copies by way of float16."""

    def clone(self) -> KeysValues:
        copy = super().clone()
        for part in copy._parts():
            if part._own is not None:
                part._own.copy_(part._own.to(torch.float16))
        return copy


class ForgetsRegisters(KeysValues):
    """Removes one token too few."""

    def remove_register_tokens(self, n: object) -> None:
        super().remove_register_tokens(max(int(n) - 1, 0) if isinstance(n, int) and n >= 0 else -1)


@pytest.mark.parametrize("wrong", [ClonesShare, ClonesInFloat, ForgetsRegisters])
def test_machine_rejects_wrong_windows(wrong: type[KeysValues]) -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(on("cpu", wrong), settings=FINDING)
