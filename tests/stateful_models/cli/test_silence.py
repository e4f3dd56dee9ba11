"""Subjects that hang, crash or end their process: named with their history, and nobody is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from stateful_models.reports.data import decoded
from tests.support.command import Ran, process, result
from tests.support.night import NIGHT
from tests.support.paths import ROOT

SMALL = ("--scope=small", "--length=10")
QUICK = (*SMALL, "--limit=1.5")
ONE, TWO = "--jobs=1", "--jobs=2"
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="counts by /proc")


class Marked:
    """Runs whose processes can be told from all others."""

    def __init__(self) -> None:
        self.mark = uuid4().hex

    def run(self, *arguments: object, **variables: str) -> Ran:
        return process(*arguments, variables={"KVREF_MARK": self.mark, **variables})

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "stateful_models", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "KVREF_MARK": self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def alive(self) -> int:
        told = f"KVREF_MARK={self.mark}".encode()
        return sum(told in environment(one) for one in Path("/proc").glob("[0-9]*"))

    def nobody_is_left(self) -> bool:
        return within(5, lambda: self.alive() == 0)


def environment(process: Path) -> bytes:
    """Nothing of a process that has ended, whether or not somebody has asked how."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def within(seconds: float, true: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def marked() -> Marked:
    return Marked()


BY_NIGHT = pytest.mark.skipif(not NIGHT, reason="another end of the same kind: by night")
EVICTING = ("set k0 = o0", "set k1 = o0", "(pool fifo reference)")


@pytest.mark.parametrize(
    ("name", "what", "jobs"),
    [
        ("Loops", "= o0 did not return within 1.5 s (--limit)", TWO),  # in the pool that was first
        ("Crashes", "killed by signal 11 (SIGSEGV, a segmentation fault)", ONE),
        ("Leaves", "set k1 = o0 ended the process with status 0", TWO),
        pytest.param("LeavesWith", "k1 = o0 ended the process with status 3", ONE, marks=BY_NIGHT),
        pytest.param("Killed", "killed by signal 9 (SIGKILL", TWO, marks=BY_NIGHT),
    ],
)
def test_what_does_not_come_back_is_named_with_its_history(
    name: str, what: str, jobs: str, marked: Marked, tmp_path: Path
) -> None:
    file, repro = tmp_path / "out.json", tmp_path / "test_repro.py"
    run = marked.run(
        "check", f"tests.support.ill_behaved:{name}", *QUICK, jobs, "--json", file, "--repro", repro
    )
    assert marked.nobody_is_left()
    assert run.returncode == 1, run.stdout + run.stderr
    told = " ".join(run.stdout.split())
    for piece in (*EVICTING, what):
        assert piece in told, run.stdout
    assert "Traceback" not in run.stderr
    ended = decoded(file.read_bytes()).ended  # type: ignore[union-attr]  # of a check it has one
    assert ended is not None
    assert ended.history == ["set k0 = o0", "set k1 = o0"]
    assert ended.what in what or what in ended.what or what.endswith(ended.what)
    text = repro.read_text()
    assert "ends pytest, or does not return" in text
    assert "Set(key=1, ref=0, priority=0)," in text


def test_an_order_out_of_step_is_named(marked: Marked) -> None:
    run = marked.run("check", "tests.support.ill_behaved:Ghost", *QUICK, "--capacity=1", ONE)
    assert run.returncode == 1
    assert "did not return within 1.5 s" in run.stdout
    assert "get k" in run.stdout
    assert marked.nobody_is_left()


def test_what_ends_only_workers_is_seen_by_repeating_it(marked: Marked, tmp_path: Path) -> None:
    run = marked.run("check", "tests.support.ill_behaved:KilledInWorkers", *SMALL, "--limit=5", TWO)
    assert run.returncode == 1, run.stdout + run.stderr
    told = " ".join(run.stdout.split())
    assert "killed by signal 9 (SIGKILL" in told
    assert "It did so in a worker process, and again when the history was repeated." in told
    assert marked.nobody_is_left()


def test_what_hangs_only_in_workers_is_named(marked: Marked) -> None:
    run = marked.run("check", "tests.support.ill_behaved:LoopsInWorkers", *QUICK, TWO)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "did not return within 1.5 s" in run.stdout
    assert marked.nobody_is_left()


def test_what_does_not_happen_again_is_told_as_that(marked: Marked, tmp_path: Path) -> None:
    run = marked.run(
        "check", "tests.support.ill_behaved:KilledOnce", *SMALL, "--limit=5", TWO,
        KILLED_ONCE=str(tmp_path / "once"),
    )  # fmt: skip
    assert run.returncode == 1, run.stdout + run.stderr
    assert "killed from outside, or the subject does not do the same twice" in " ".join(
        run.stdout.split()
    )
    assert marked.nobody_is_left()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HangsAtStart", "making a subject for pool, capacity 2, 3 keys, 2 objects did not return"),
        pytest.param(
            "LeavesAtStart", "making a subject ended the process with status 0", marks=BY_NIGHT
        ),
    ],
)
def test_what_happens_at_the_start_is_one_line(name: str, words: str, marked: Marked) -> None:
    run = marked.run("check", f"tests.support.ill_behaved:{name}", *QUICK, ONE)
    assert run.returncode == 1
    assert words in " ".join(run.stdout.split())
    assert "step" not in run.stdout, "there is no history"
    assert marked.nobody_is_left()


@pytest.mark.parametrize(
    ("command", "name", "words"),
    [
        ("isolate", "Leaky", "lookup env 1, k0 ended the process with status 3"),
        pytest.param(
            *("isolate", "HangingManager", "init:1 clear did not return within 1.5 s"),
            marks=BY_NIGHT,
        ),
    ],
)
def test_isolation_names_it_too(command: str, name: str, words: str, marked: Marked) -> None:
    subject = f"tests.support.ill_behaved:{name}"
    run = marked.run(command, subject, "--keys=1", "--limit=1.5", "--json", "-")
    assert run.returncode == 1, run.stderr
    assert words in " ".join(run.stderr.split())
    assert json.loads(run.stdout)["ended"]["history"]
    assert marked.nobody_is_left()


@pytest.mark.parametrize("name", [pytest.param("Loops", marks=BY_NIGHT), "LeavesWith"])
def test_fuzzing_names_it_too(name: str, marked: Marked, tmp_path: Path) -> None:
    jobs = TWO if NIGHT else ONE
    run = marked.run(
        "fuzz", f"tests.support.ill_behaved:{name}", "--minutes=1", jobs, "--limit=1.5",
        "--database", tmp_path / "db", "--json", tmp_path / "out.json",
    )  # fmt: skip
    assert run.returncode == 1, run.stdout + run.stderr
    assert "ended the process with status 3" in run.stdout or "did not return" in run.stdout
    assert marked.nobody_is_left()


def test_fuzzing_ends_in_time_whatever_the_subject_does(marked: Marked, tmp_path: Path) -> None:
    began = time.monotonic()
    run = marked.run(
        "fuzz", "tests.support.ill_behaved:Slow", "--minutes=0.02", ONE,
        "--database", tmp_path / "db",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert time.monotonic() - began < 20, "1.2 seconds, and as long as it takes to start"


def test_prints_garble_no_data(marked: Marked) -> None:
    run = marked.run("check", "tests.support.ill_behaved:Prints", *QUICK, ONE, "--json", "-")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["result"]["conforms"] is True
    assert "conforms" in run.stderr
    assert "the subject printed " in run.stderr
    assert run.stderr.count("looking for") <= 2


def test_a_lost_path_loses_nothing(marked: Marked, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    run = process(
        "check", "tests.support.ill_behaved:Wanders", *QUICK, TWO, "--json", "out.json", cwd=here
    )
    assert run.returncode == 0, run.stderr
    assert result(here / "out.json")["conforms"] is True


@pytest.mark.parametrize("jobs", [pytest.param(ONE, marks=BY_NIGHT), TWO])
def test_a_thread_keeps_nothing_alive(jobs: str, marked: Marked) -> None:
    run = marked.run("check", "tests.support.ill_behaved:Threads", *QUICK, jobs)
    assert run.returncode == 0, run.stderr
    assert marked.nobody_is_left()


def test_an_interrupt_of_the_subjects_own_is_a_refusal() -> None:
    run = process("check", "tests.support.ill_behaved:Interrupts", *QUICK, ONE)
    assert run.returncode == 1, run.stderr
    assert "refused (KeyboardInterrupt" in run.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nobody_outlives_the_command(number: int, marked: Marked) -> None:
    """A command with two workers that do not come back, ended from outside."""
    with marked.start("check", "tests.support.ill_behaved:LoopsInWorkers", TWO) as run:
        assert within(30, lambda: marked.alive() >= 4), "itself, its child and two workers"
        run.send_signal(number)
        _, told = run.communicate(timeout=30)
    assert marked.nobody_is_left()
    if number == signal.SIGINT:
        assert run.returncode == 130
        assert told.splitlines()[-1] == "kvref: interrupted"
    else:
        assert run.returncode in (-signal.SIGKILL, 128 + signal.SIGTERM)
