"""What a report on a recorded run says, in words."""

from collections import Counter
from collections.abc import Iterable

from spec.profile import Profile
from stateful_models.traces.nodes import ALIKE, NAMED, REPLACED


def headline(name: str, verdict: str, profile: Profile, counts: Counter[str]) -> str:
    """The run, its verdict, what it claims, what it did."""
    return (
        f"{name}: {verdict}  ({profile.policy.value} {profile.ownership.value}; {counts['Get']} "
        f"gets, {counts['hits']} hits, {counts['Set']} sets, {counts['evicted']} evicted)"
    )


def remarks(
    wrong_misses: list[tuple[int, int]], shared_hits: int, counts: Counter[str]
) -> Iterable[str]:
    """What a law's count does not tell."""
    if wrong_misses:
        removed, missed = wrong_misses[0]
        yield (
            f"  P3 where it mattered: a key removed at record {removed} was looked up in vain at "
            f"record {missed}; {len(wrong_misses)} such lookups"
        )
    if shared_hits:
        yield (
            f"  M5: {shared_hits} recur hits on an entry that another environment stored "
            "(the declared channel; a breach of S2 where the contents differ)"
        )
    if counts[REPLACED]:
        yield (
            f"  S4: {counts[REPLACED]:,} of {counts['Set']:,} sets took the place of another "
            "node's entry (one key, two histories)"
        )
    if counts[ALIKE]:
        yield (
            f"  S4: {counts[ALIKE]:,} of {counts[NAMED]:,} hits of named nodes found another "
            "node's entry with the same contents (no breach of S2)"
        )
