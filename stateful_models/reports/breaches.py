"""What a guard found, as a test and as a story."""

from collections.abc import Callable

from stateful_models.engines.judge import Divergence
from stateful_models.engines.rows import AnyOp
from stateful_models.reference.target import KVREF
from stateful_models.reports.check import plain
from stateful_models.reports.report import name_of
from stateful_models.reports.repro import repro
from stateful_models.reports.timeline import timeline
from stateful_models.runtime.breach import Breach
from stateful_models.subjects.loading import target_of


def breach_repro(breach: Breach, subject: Callable[..., object] | None = None) -> str:
    """A pytest file that fails as long as this subject, a `PoolSubject` that drives a cache like
    the one that was guarded, answers the history wrongly. None: kvref's own pool."""
    target = KVREF if subject is None else target_of(name_of(subject), subject)
    return repro(target, breach.scope, found(breach), "pool")


def breach_story(breach: Breach) -> str:
    """The history in words, with the slots after each operation."""
    return plain(timeline(breach.scope, found(breach)))


def found(breach: Breach) -> Divergence[object, AnyOp]:
    """As reports take it."""
    wrong = breach.divergence
    return Divergence(
        wrong.history,
        wrong.expected,
        wrong.observed,
        wrong.expected_state,
        None,
        wrong.laws,
        reports=wrong.reports,
    )
