"""Windows of the museum, as a command is told to check them."""

from stateful_models.bugs.tensors import crops_one_short
from stateful_models.bugs.tensors.plain import windows_of

CropsOneShort = windows_of(crops_one_short.CropsOneShort, "CropsOneShort")
