"""Profiles that somebody wrote: refused where a choice is none that there is."""

from spec.pool_laws import STATED
from spec.profile import Ownership, Profile, RecurScope, Sizing
from stateful_models.subjects.policies import require_policy
from stateful_models.subjects.protocol import SubjectError


def require_stated(profile: Profile) -> None:
    """A policy that is kept as a ledger, in constant time."""
    if profile.policy not in STATED:
        raise SubjectError(
            f"{profile.policy.value} is checked by `check` and `kvref check`; what goes along with "
            f"a running cache knows {', '.join(sorted(one.value for one in STATED))}"
        )


def require_profile(profile: object) -> None:
    if not isinstance(profile, Profile):
        raise SubjectError(f"a profile must be a Profile, not {profile!r}")
    require_policy(profile.policy)
    kinds = {
        "ownership": Ownership,
        "recur_scope": RecurScope,
        "sizing": Sizing,
    }
    for name, kind in kinds.items():
        if not isinstance(getattr(profile, name), kind):
            chosen = getattr(profile, name)
            raise SubjectError(
                f"{name} of a Profile must be one of {kind.__name__}, not {chosen!r}"
            )
