"""Whether this run has the night for its long forms; what these are is in tests/README.md."""

from typing import Final

from stateful_models.engines.machines.profiles import NIGHTLY, chosen

NIGHT: Final = chosen() is NIGHTLY
