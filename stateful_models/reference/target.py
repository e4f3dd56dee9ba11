"""kvref's own pool and manager, as what is checked when nothing else is named."""

from typing import Final

from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.subjects.target import Target

KVREF: Final = Target("kvref", KvrefPool, KvrefManager, KvrefPool.profiles)
