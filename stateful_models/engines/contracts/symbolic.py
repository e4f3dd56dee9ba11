"""CrossHair on one theorem. Only "confirmed over all paths" counts as confirmed."""

import re
import sys
from enum import Enum
from inspect import getsourcefile
from time import perf_counter
from typing import NamedTuple

from crosshair.core_and_libs import analyze_function, run_checkables
from crosshair.options import AnalysisKind, AnalysisOptionSet
from crosshair.statespace import AnalysisMessage, MessageType

from stateful_models.engines.contracts.condition import Theorem


class Verdict(Enum):
    """REFUTED: an assert failed for a concrete input. CRASHED: something else was raised."""

    CONFIRMED = "confirmed over all paths"
    UNCONFIRMED = "not confirmed"
    REFUTED = "refuted"
    CRASHED = "crashed"


class Judgement(NamedTuple):
    verdict: Verdict
    message: str
    seconds: float


def judged(theorem: Theorem, seconds: float) -> Judgement:
    """What CrossHair says of a theorem within so much processor time."""
    options = AnalysisOptionSet(
        analysis_kind=(AnalysisKind.asserts,),
        per_condition_timeout=seconds,
        per_path_timeout=seconds,
        max_uninteresting_iterations=sys.maxsize,
        report_all=True,
    )
    started = perf_counter()
    messages = list(run_checkables(analyze_function(theorem, options)))
    taken = perf_counter() - started
    if not messages:
        return Judgement(Verdict.CRASHED, "CrossHair found no condition to check", taken)
    worst = max(messages, key=lambda message: message.state)
    return Judgement(verdict(worst, theorem), " ".join(worst.message.split()), taken)


def verdict(message: AnalysisMessage, theorem: Theorem) -> Verdict:
    """A crash exits like a counterexample: only a failed assert of the theorem's is one."""
    if message.state is MessageType.CONFIRMED:
        return Verdict.CONFIRMED
    if message.state is MessageType.CANNOT_CONFIRM:
        return Verdict.UNCONFIRMED
    frames = re.findall(r'File "(.+)", line', message.traceback)
    own = frames[-1:] == [getsourcefile(theorem)]
    asserted = message.message.startswith("AssertionError")
    return Verdict.REFUTED if asserted and own else Verdict.CRASHED
