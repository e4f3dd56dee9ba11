"""Whether the instances of a subject share anything: asked where something has been found."""

from typing import Final

from spec.ops import EnvId, Get, Hit, Key, On, Ref, Set, Tier
from spec.sizing import Config
from stateful_models.subjects.asking import ask
from stateful_models.subjects.journal import made
from stateful_models.subjects.target import Target

ONE: Final = Config(1, 1, 1)
GIVE: Final = Set(Key(0), Ref(0))
LOOK: Final = Get(Key(0))
ENTANGLED: Final = (
    "Its instances are not independent: a new one has what another was given. Each must start with "
    "nothing and share nothing, or every history depends on those before it."
)


def entangled(target: Target) -> bool:
    """A new instance answers with what another one was given."""
    profile = target.profiles[0]
    try:
        if target.pool is not None:
            pool = target.pool
            one, other = (made(None, lambda: pool(profile, 1, 1)) for _ in range(2))
            ask(one, GIVE)
            return isinstance(ask(other, LOOK), Hit)
        if target.manager is not None:
            manager = target.manager
            mine, yours = (made(None, lambda: manager(profile, ONE, 1, 1)) for _ in range(2))
            ask(mine, On(Tier.INIT, EnvId(0), GIVE))
            return isinstance(ask(yours, On(Tier.INIT, EnvId(0), LOOK)), Hit)
    except Exception:  # what else is wrong with it has been told
        return False
    return False
