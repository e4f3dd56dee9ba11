"""A policy that is nobody's here, on both sides, written where the command is called from."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Ran, process

BOTH_SIDES = '''
from dataclasses import dataclass

from kvref import EvictionOrder
from stateful_models import Choice, OrderSubject, Policy, Profile


@dataclass(frozen=True)
class Shielded(Policy):
    """Whom a get has found is shielded; of the others the newest leaves, of none the oldest."""

    def hit(self, order, key):
        return order.with_line(order.line(key)._replace(note=1))

    def victim(self, order, need):
        able = need.eligible(order)
        bare = [line for line in able if not line.note]
        return Choice(bare[-1].key if bare else able[0].key, order)


class Shields(EvictionOrder):
    def __init__(self):
        self.keys, self.shielded = [], set()

    def inserted(self, key, rank):
        self.keys.append(key)

    def hit(self, key):
        self.shielded.add(key)

    def victim(self):
        bare = [key for key in self.keys if key not in self.shielded]
        return bare[-1] if bare else self.keys[0]

    def left(self, key):
        self.keys.remove(key)
        self.shielded.discard(key)


class Right(OrderSubject):
    order = Shields
    profiles = (Profile(Shielded()),)


class Remembers(Shields):
    def left(self, key):
        self.keys.remove(key)


class Wrong(Right):
    order = Remembers


class Stranger(Shields):
    def victim(self):
        return -1


class Names(Right):
    order = Stranger


@dataclass(frozen=True)
class Loses(Shielded):
    def hit(self, order, key):
        return order.without(key)


@dataclass(frozen=True)
class Raises(Shielded):
    def victim(self, order, need):
        return {}[need.newcomer]


@dataclass(frozen=True)
class Pins(Shielded):
    def victim(self, order, need):
        return Choice(order.lines[0].key, order)


@dataclass(frozen=True)
class Odd(Shielded):
    def victim(self, order, need):
        return Choice(min(order.lines, key=lambda line: line.key % 2).key, order)




def under(policy):
    return type("Under", (Right,), {"profiles": (Profile(policy),)})


UnderLoses, UnderRaises, UnderPins = under(Loses()), under(Raises()), under(Pins())
UnderOdd = under(Odd())
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shields.py").write_text(BOTH_SIDES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(subject: str, *more: object) -> Ran:
    return process(
        "check", f"shields:{subject}", "--scope=small", "--jobs=1", *more, cwd=Path.cwd()
    )


def test_a_policy_and_an_order_that_say_the_same_conform(here: Path) -> None:
    run = check("Right")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "shielded reference" in run.stdout
    assert "shields:Right conforms" in run.stdout


def test_an_order_that_departs_from_its_policy_is_shown_and_reproduced(here: Path) -> None:
    """Shortest: a key that was found leaves, comes again, and still counts as found.

    Two entries, both found, so that the first leaves (5 operations); it comes again, for the
    other's place or a third's, and is spared wrongly: an insert shows it.
    """
    run = check("Wrong", "--repro", here / "test_wrong.py")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "breaks P3 victim" in run.stdout
    text = (here / "test_wrong.py").read_text()
    assert "from shields import Wrong, Shielded" in text
    assert "policy=Shielded()" in text
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_wrong.py"]
    failed = subprocess.run(again, cwd=here, capture_output=True, text=True, check=False)
    assert "1 failed" in failed.stdout, failed.stdout + failed.stderr


def test_an_order_that_names_a_stranger_is_told_by_name(here: Path) -> None:
    run = check("Names")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "KVCacheOrderError: eviction order Stranger" in " ".join(run.stdout.split())


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("UnderLoses", "the policy Loses is no policy: V1 nobody lost: get of"),
        ("UnderRaises", "the policy Raises raised KeyError: 1 (in victim)"),
        ("UnderPins", "the policy Pins is no policy: V2 resident victim"),
        ("UnderOdd", "the policy Odd is no policy: V4 nameless"),
    ],
)
def test_a_policy_that_is_none_is_one_clear_line(here: Path, subject: str, words: str) -> None:
    run = check(subject)
    assert (run.returncode, run.stdout) == (2, ""), run.stdout + run.stderr
    assert words in run.stderr
    assert run.stderr.count("\n") == 1
