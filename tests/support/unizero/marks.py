"""The marks of each test of the published system."""

from importlib.util import find_spec
from typing import Final

import pytest

NEEDED: Final = [
    pytest.mark.unizero,
    pytest.mark.skipif(
        find_spec("lzero") is None,
        reason="lightzero is not installed: tests/unizero/requirements.txt",
    ),
]
