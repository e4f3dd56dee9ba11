"""The command line: verdicts, exit statuses, one clear line for every mistake.

`kvref` calls it in this process; `process` starts one, where starting, its workers or its streams
are the point.
"""

import gzip
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from spec.profile import LRU_REFERENCE
from spec.sizing import Config
from stateful_models.cli import isolate
from stateful_models.engines.isolation_sample import LongRuns
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.presets import PRESETS, ScopeName
from tests.support.adapters import MinimalManager, RecurFirst
from tests.support.command import Ran, kvref, process, result
from tests.support.exploring import explore_manager
from tests.support.night import NIGHT
from tests.support.paths import ROOT, TRACES

SMALL = ("--scope=small", "--jobs=1", "--length=10")
FEWER = 100 if NIGHT else 10  # random histories of `kvref isolate`


@pytest.fixture(autouse=True)
def by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer histories of two runs compared; the small scope of this process has one object."""
    if not NIGHT:
        one = PRESETS[ScopeName.SMALL]._replace(pools=((2, 3, 1),))
        monkeypatch.setitem(PRESETS, ScopeName.SMALL, one)
    monkeypatch.setattr(isolate, "LongRuns", partial(LongRuns, histories=FEWER))


def refused(run: Ran, *words: str) -> None:
    assert run.returncode == 2, run.stdout + run.stderr
    assert run.stderr.startswith("kvref: ")
    assert run.stderr.count("\n") == 1, run.stderr
    assert run.stdout == ""
    for word in words:
        assert word in run.stderr, run.stderr


def test_kvref_conforms_at_small_scope(tmp_path: Path) -> None:
    """Of every ownership by night, by day of REFERENCE."""
    some = () if NIGHT else ("--ownership=reference",)
    run = process("check", "--scope", "small", *some, "--json", tmp_path / "out.json")
    assert run.returncode == 0, run.stderr
    assert "kvref conforms" in run.stdout
    assert "Exhaustive within scope" in run.stdout
    data = result(tmp_path / "out.json")
    assert data["conforms"] is True
    assert data["state_shown"] is True
    profiles = {(row["kind"], row["policy"], row["ownership"]) for row in data["rows"]}
    assert len({one for one in profiles if one[0] == "pool"}) == (12 if NIGHT else 3)
    assert ("manager", "fifo", "reference") in profiles
    assert all(row["transitions"] > 0 for row in data["rows"])


def test_selection_by_policy_and_ownership(tmp_path: Path) -> None:
    run = kvref(
        "check", "--scope=small", "--policy=fifo", "--ownership=sealed", "--no-symmetry",
        "--jobs=1", "--json", tmp_path / "out.json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    rows = result(tmp_path / "out.json")["rows"]
    assert {(row["policy"], row["ownership"]) for row in rows} == {("fifo", "sealed")}
    assert all(row["states"] == row["represented"] for row in rows)


def test_of_a_manager_that_tells_what_it_remembers_every_law_is_told(tmp_path: Path) -> None:
    name = "stateful_models.reference.legacy:WithReverseMaps"
    run = kvref("check", name, *SMALL, "--json", tmp_path / "out.json")
    assert run.returncode == 1, run.stderr
    assert "P3 victim" in run.stdout.split("every law")[1]
    told = {one["law"]: one for one in result(tmp_path / "out.json")["every_law"]}
    assert {law: len(one["history"]) for law, one in told.items()} == {
        "P5": 2, "P3": 3, "P4": 3, "P7": 3,
    }  # fmt: skip
    assert all(len(one["operations"]) == len(one["history"]) for one in told.values())


@pytest.mark.parametrize("name", ["CachetoolsLru", "CachetoolsFifo"])
def test_a_peer_from_the_registry_conforms(name: str) -> None:
    """At the default scope by night."""
    scope = ("--jobs=2",) if NIGHT else SMALL
    run = kvref("check", f"tests.support.adapters:{name}", *scope)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "as to answers only" in run.stdout, "what a black box does not establish is said"
    assert "Not judged" in run.stdout
    assert "P4 slot" in run.stdout


def test_a_semantic_choice_makes_the_difference() -> None:
    """cachetools' FIFO renews on update: right under the profile that says so, wrong otherwise."""
    run = kvref("check", "tests.support.adapters:CachetoolsFifoAsIfKeepingAge", *SMALL)
    assert run.returncode == 1
    assert "set k0" in run.stdout


def test_a_broken_cache_is_shown_and_reproduced(tmp_path: Path) -> None:
    repro = tmp_path / "test_repro.py"
    run = kvref("check", "tests.support.adapters:Broken", *SMALL, "--repro", repro)
    assert run.returncode == 1
    assert "breaks" in run.stdout
    for piece in ("set k0 = o0", "set k1 = o0", "get k0", "expected:", "observed:", "[k0=o0 | -]"):
        assert piece in run.stdout, run.stdout
    again = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(repro)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert "1 failed" in again.stdout
    assert "AssertionError" in again.stdout
    mended = "tests.support.adapters import CachetoolsLru as Broken"
    repro.write_text(repro.read_text().replace("tests.support.adapters import Broken", mended))
    fixed: dict[str, object] = {}
    exec(compile(repro.read_text(), str(repro), "exec"), fixed)
    fixed["test_history_is_answered_as_specified"]()  # type: ignore[operator]  # a function


def test_a_lookup_in_the_wrong_order_is_called_that_and_reproduced(tmp_path: Path) -> None:
    repro = tmp_path / "test_repro.py"
    subject = "tests.support.adapters:RecurFirst"
    run = kvref("check", subject, *SMALL, "--repro", repro)
    assert run.returncode == 1
    assert "breaks M3 lookup order" in run.stdout
    assert "Lookup(env=0, key=0)" in repro.read_text()
    told: dict[str, object] = {}
    exec(compile(repro.read_text(), str(repro), "exec"), told)
    with pytest.raises(AssertionError, match="M3"):
        told["test_history_is_answered_as_specified"]()  # type: ignore[operator]  # a function


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("nowhere:Cache", ("nowhere:Cache", "no module named nowhere")),
        ("tests.support.adapters:Missing", ("Missing",)),
        ("tests.support.adapters", ("module:factory",)),
        ("tests.support.adapters:", ("module:factory",)),
        ("tests.support.adapters:NOT_CALLABLE", ("3",)),
        ("tests.support.adapters:NoSubject", ("no Subject", "perform")),
        ("tests.support.adapters:TakesAnything", ("no Subject", "perform")),
        ("tests.support.adapters:Unbuildable", ("OSError", "no such device")),
        ("tests.support.adapters:NoProfiles", ("profiles",)),
        ("tests.support.raises_on_import:Cache", ("RuntimeError", "half-finished adapter")),
        ("tests.support.exits_on_import:Cache", ("SystemExit",)),
        ("tests.support.adapters:BareProfile", ("profiles", "tuple")),
        ("tests.support.adapters:WordyReports", ("reports", "'slots'")),
        ("tests.support.adapters:LateFailure", ("capacity 2", "MemoryError", "too large")),
        ("tests.support.adapters:BadAbstract", ("abstract()", "OSError")),
        (
            "tests.support.adapters:refused_arguments",
            ("takes 1 arguments", "profile, capacity, objects"),
        ),
        ("./tests/support/adapters.py:Broken", ("module:factory",)),
    ],
)
def test_an_unusable_subject_is_one_clear_line(subject: str, words: tuple[str, ...]) -> None:
    refused(kvref("check", subject, *SMALL), *words)


USAGE = pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--scope", "huge"),
        ("check", "--policy", "mru"),
        ("check", "--ownership", "borrowed"),
        ("check", "--jobs", "0"),
        ("check", "--jobs", "many"),
        ("check", "--nonsense"),
        ("check", "a:b", "c:d"),
        ("chekc",),
        (),
        ("trace",),
        ("trace", "check"),
        ("trace", "info"),
    ],
)


BY_NIGHT = pytest.mark.skipif(not NIGHT, reason="a black box of two environments: by night")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("made_by_a_function", 1),
        ("UntoldSlots", 1),
        ("search_safe_by_a_function", 4),
        pytest.param("manager_by_a_function", 4, marks=BY_NIGHT),
    ],
)
def test_right_caches_conform_however_they_are_made(name: str, rows: int) -> None:
    """One profile is claimed: a row for the pool; for a manager, each tier's and itself."""
    run = kvref("check", f"tests.support.adapters:{name}", *SMALL)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("conforms") == rows + 1, run.stdout
    shown = "search-safe" in run.stdout
    assert shown == name.startswith("search_safe"), "a choice that is not the usual one is shown"


def test_a_manager_that_offers_the_least_conforms() -> None:
    """One environment of a black box; its pools alone are checked where its lookup is wrong."""
    scope = ManagerScope(LRU_REFERENCE, Config(1, 1, 1), envs=1, keys=2)
    assert explore_manager(scope, MinimalManager).divergence is None
    assert explore_manager(scope, RecurFirst).divergence is not None


def test_a_factory_that_cannot_travel_gets_one_process() -> None:
    run = kvref("check", "tests.support.adapters:LOCAL", "--scope=small", "--jobs=2", "--length=10")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "one process" in run.stderr


def test_an_exit_is_no_verdict() -> None:
    run = kvref("check", "tests.support.adapters:Exits", *SMALL)
    assert run.returncode == 1
    assert "refused (SystemExit" in run.stdout


SEALED = ("--ownership=sealed", "--policy=fifo")


def test_a_full_disk_is_one_clear_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "stateful_models", "check", *SMALL, *SEALED],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in run.stderr
    assert "kvref: cannot go on: No space left on device" in run.stderr


def heed_interrupts() -> None:
    """A background shell may have had its children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupting_is_no_verdict() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "stateful_models", "check", "--jobs=1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    ) as run:
        time.sleep(3)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=30)
    assert run.returncode == 130
    assert told.splitlines()[-1] == "kvref: interrupted"
    assert "Traceback" not in told


def test_version() -> None:
    assert process("--version").stdout.startswith("kvref ")


@USAGE
def test_usage_errors_are_one_clear_line(arguments: tuple[str, ...]) -> None:
    refused(kvref(*arguments))


def test_a_mistake_is_one_clear_line_of_the_process_too() -> None:
    refused(process("chekc"), "chekc")
    refused(process("check", "tests.support.exits_on_import:Cache"), "SystemExit")


def test_a_profile_that_the_subject_does_not_claim() -> None:
    refused(
        kvref("check", "tests.support.adapters:CachetoolsLru", "--policy=fifo"), "CachetoolsLru"
    )


def test_unwritable_results_are_refused_before_the_run(tmp_path: Path) -> None:
    refused(kvref("check", "--json", tmp_path / "no" / "out.json"), "no such folder")
    refused(kvref("check", "--repro", tmp_path), "a folder")


def test_trace_check_accepts_and_rejects(tmp_path: Path) -> None:
    accepted, wrong = next(TRACES.glob("e1_*")), next(TRACES.glob("e4_*"))
    assert kvref("trace", "check", accepted).returncode == 0
    run = kvref("trace", "check", accepted, wrong, "--json", tmp_path / "out.json")
    assert run.returncode == 1
    did = "evicted an entry that was not due, or kept one that was"
    told = f"111 of 4,368 sets {did} (P3)"
    for piece in ("accepted", "P3 victim", told, "record 156", "record 165"):
        assert piece in run.stdout, run.stdout
    first, second = result(tmp_path / "out.json")
    assert first["accepted"]
    assert not first["breaches"]
    (victim,) = (one for one in second["breaches"] if one["law"] == "P3")
    assert victim["count"] == 111
    assert victim["effects"] == [{"count": 111, "of": 4368, "what": "sets", "did": did}]


def test_one_bad_trace_does_not_hide_the_others(tmp_path: Path) -> None:
    good, wrong = next(TRACES.glob("g1_*")), tmp_path / "missing.jsonl"
    run = kvref("trace", "check", wrong, good, "--json", tmp_path / "out.json")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "S2" in run.stdout
    assert len(result(tmp_path / "out.json")) == 1


def test_trace_info_summarises() -> None:
    run = kvref("trace", "info", next(TRACES.glob("g1_*")))
    assert run.returncode == 0
    for piece in ("opendilab/LightZero", "manager path", "fifo reference", "recur 400", "3,150"):
        assert piece in run.stdout, run.stdout


def test_a_bad_trace_is_one_clear_line(tmp_path: Path) -> None:
    refused(kvref("trace", "check", tmp_path / "missing.jsonl"), "missing.jsonl")
    whole = gzip.decompress(next(TRACES.glob("g1_*")).read_bytes())
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(whole[:100_000])
    refused(kvref("trace", "check", cut), "cut.jsonl:", "cut off")
    refused(kvref("trace", "info", cut), "cut off")


def test_help_is_for_newcomers() -> None:
    run = kvref("--help")
    assert run.returncode == 0
    assert "check" in run.stdout
    assert "trace" in run.stdout


def test_isolate_says_what_was_exhausted_and_shows_the_channel(tmp_path: Path) -> None:
    """With two keys by night, by day with one."""
    run = kvref("isolate", "--keys", 2 if NIGHT else 1, "--json", tmp_path / "out.json")
    assert run.returncode == 0, run.stderr
    said = " ".join(run.stdout.split())
    assert said.count(f"{FEWER} random histories of 300 operations, each environment watched") == 2
    assert said.count("the last operation of another environment.") == 2
    assert "not observed, since common by design: wm," in said
    for kind in ("presence", "contents", "clearing", "eviction"):
        assert f"  {kind}\n    1. env " in run.stdout
    verdicts = result(tmp_path / "out.json")
    pairs = (1175, 125, 699, 625, 100, 570) if NIGHT else (20, 20, 284, 16, 16, 232)
    assert [(one["law"], one["pairs"], one["sampled"]) for one in verdicts] == list(
        zip(3 * ["M2"] + 3 * ["M5"], pairs, 2 * (0, 0, FEWER), strict=True)
    )
    assert all(one["closed"] for one in verdicts)


@pytest.mark.parametrize(
    ("name", "law", "last", "answers"),
    [
        (
            "misses_for_all:MissesForAll",
            "M2",
            "2. env 1: init get k0\n    3. env 0: init get k0",
            "miss; without the others: hit o0",
        ),
        (
            "clears_every_recur:ClearsEveryRecur",
            "M5",
            "1. env 1: recur set k0 = o1\n    2. env 0: recur clear",
            "cleared 1, k0 cleared; without the others: cleared 0",
        ),
    ],
)
def test_isolate_finds_what_is_not_shown_and_what_clears(
    name: str, law: str, last: str, answers: str
) -> None:
    """M5 is asked of whoever claims a recur pool for each environment, and else it is said."""
    run = kvref("isolate", f"stateful_models.bugs.caches.{name}", "--keys=1", "--depth=3")
    assert run.returncode == 1, run.stderr
    assert f"breaks {law}: env 0 observes another" in run.stdout
    assert last in run.stdout
    assert answers in run.stdout
    assert ("M5 was not asked" in run.stdout) == (law == "M2")


def test_isolate_judges_a_manager_that_shows_nothing_by_its_answers(tmp_path: Path) -> None:
    run = kvref(
        "isolate", "tests.support.adapters:MinimalManager", "--keys=1", "--json", tmp_path / "o"
    )
    assert run.returncode == 0, run.stdout + run.stderr
    said = " ".join(run.stdout.split())
    assert "As to answers only" in said
    assert [one["answers_only"] for one in result(tmp_path / "o")] == [False, True, True]


def test_isolate_shows_the_shortest_history_that_tells() -> None:
    run = kvref("isolate", "stateful_models.bugs.caches.shared_cursor:SharedCursor", "--keys=1")
    assert run.returncode == 1, run.stderr
    assert "SharedCursor breaks M2: env 0 observes another (answer)" in run.stdout
    assert "1. env 1: init set k0 = o1\n    2. env 0: init set k0 = o0" in run.stdout
    assert "slot 1; without the others: slot 0" in run.stdout


def test_isolate_says_when_nothing_was_established(tmp_path: Path) -> None:
    """A manager that never stores hears of nobody; nor does anybody in histories that short."""
    idle = kvref(
        "isolate", "tests.support.adapters:Idle", "--keys=1", "--json", tmp_path / "out.json"
    )
    assert idle.returncode == 1, idle.stderr
    assert "never occurred: M2" in idle.stdout
    of = {one["of"]: one["occurred"] for one in result(tmp_path / "out.json")}
    assert of == {"specification": True, "tests.support.adapters:Idle": False}
    short = kvref("isolate", "--keys", "1", "--depth", "2")
    assert short.returncode == 1
    assert short.stdout.count("never occurred") == 6


def test_isolate_refuses_what_it_cannot_compare() -> None:
    silent = "tests.support.adapters:NoStateToday"
    refused(kvref("isolate", silent, "--keys=1"), "abstract()", "no state today")
    refused(kvref("isolate", "stateful_models.reference.pool:KvrefPool"), "matter of a manager")
    refused(kvref("isolate", "no_such_module:Thing"), "no_such_module")
    refused(kvref("isolate", "--envs", "1"), "--envs")
