"""Campaigns: what they find is replayed first, where they stopped they go on."""

from pathlib import Path

import fakeredis
import pytest
from hypothesis.database import MultiplexedDatabase
from redis import Redis
from typer.testing import CliRunner

from spec.ops import Tier
from stateful_models.bugs.caches.lookup_counts_twice import LookupCountsTwice
from stateful_models.bugs.caches.ring import UpdateMoves
from stateful_models.cli.main import app
from stateful_models.engines.fuzz import STEPS, Campaign, Found, Fuzzed, Run, Store, parts, run
from stateful_models.engines.machines.any_scope import Coverage
from stateful_models.reference.target import KVREF
from stateful_models.subjects.target import Target
from tests.support.command import result
from tests.support.night import NIGHT

MOVES = Target("m:UpdateMoves", UpdateMoves, None, UpdateMoves.profiles, False)
TWICE = Target("m:LookupCountsTwice", None, LookupCountsTwice, LookupCountsTwice.profiles)
LEAST = "tests.support.adapters:CachetoolsLru"  # one part to fuzz
EACH = 60 if NIGHT else 12  # examples
RING = "stateful_models.bugs.caches.ring:UpdateMoves"


def found(target: Target, part: Fuzzed, number: int, store: Store) -> tuple[Found, int]:
    ran = run(target.name, part, number, store)
    assert ran.found is not None
    return ran.found, ran.coverage.examples


def test_a_wrong_pool_is_found_and_then_replayed_first(tmp_path: Path) -> None:
    (part,), store = parts(MOVES), Store(tmp_path)
    first, tried = found(MOVES, part, 0, store)
    assert first.divergence.laws == ("P5",)
    assert len(first.divergence.history) == 2  # set, set again
    again, replayed = found(MOVES, part, 99, store)
    assert again.divergence.history == first.divergence.history
    assert replayed <= 3 < tried


def test_what_one_subject_failed_is_not_replayed_for_another(tmp_path: Path) -> None:
    store = Store(tmp_path)
    found(MOVES, parts(MOVES)[0], 0, store)
    other = Target("m:Other", UpdateMoves, None, UpdateMoves.profiles, False)
    assert found(other, parts(other)[0], 0, store)[1] > 3


def test_of_a_manager_its_pools_and_itself_are_fuzzed(tmp_path: Path) -> None:
    most, store = 20 if NIGHT else 8, Store(tmp_path)
    told = {part.kind: run(TWICE.name, part, 0, store, most) for part in parts(TWICE)}
    assert [kind for kind, ran in told.items() if ran.found] == ["manager"]
    assert told.keys() == {"init pool", "recur pool", "wm pool", "manager"}


def test_kvref_passes_and_every_situation_occurs(tmp_path: Path) -> None:
    record = Campaign("kvref")
    for part in parts(KVREF):
        ran = run("kvref", part, 7, Store(tmp_path), EACH)
        assert ran.found is None
        record.add(ran)
    codes = [f"P{n}" for n in (*range(1, 11), 12)] + [f"R{n}" for n in range(1, 6)]
    assert record.occurred == sorted(
        [*codes, "M1", "M3", "M4", "M6", "M7", *(f"eviction in {t.value}" for t in Tier)]
    )
    assert record.deepest >= STEPS - 1 >= 50 - 1
    assert record.examples >= 2 * EACH


def test_seeds_differ_and_repeat(tmp_path: Path) -> None:
    """Not derandomised, wherever it runs; the same seed does the same again."""
    part, most = parts(KVREF)[0], 10 if NIGHT else 4
    told = [run("kvref", part, number, Store(tmp_path), most).coverage for number in (1, 2, 1)]
    assert told[0].operations == told[2].operations != told[1].operations


def test_a_campaign_goes_on_where_it_stopped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = store.record("kvref")
    assert record == Campaign("kvref")
    record.add(Run(Coverage(2, 100, 50, occurred={"P1"}), None))
    store.save(record)
    again = store.record("kvref")
    again.add(Run(Coverage(1, 30, 60, occurred={"P2"}), None))
    assert (again.runs, again.examples, again.steps, again.deepest) == (2, 3, 130, 60)
    assert again.occurred == ["P1", "P2"]


def test_machines_share_what_they_find_through_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = fakeredis.FakeServer()
    monkeypatch.setattr(Redis, "from_url", lambda url: fakeredis.FakeStrictRedis(server=server))
    here, there = (Store(tmp_path / name, "redis://somewhere") for name in ("here", "there"))
    here.check()
    assert isinstance(here.database(), MultiplexedDatabase)
    (part,) = parts(MOVES)
    _, tried = found(MOVES, part, 0, here)
    _, replayed = found(MOVES, part, 1, there)
    assert replayed <= 3 < tried


def fuzz(*arguments: str) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["fuzz", *arguments, "--jobs", "1"])
    return told.exit_code, told.output


def test_command_summarises_what_was_covered(tmp_path: Path) -> None:
    json = tmp_path / "summary.json"
    arguments = LEAST, "--minutes", "0.01", "--database", str(tmp_path), "--json", str(json)
    status, told = fuzz(*arguments)
    assert status == 0
    assert "nothing found" in told
    assert "situations that occurred" in told
    first = result(json)
    fuzz(*arguments)
    second = result(json)
    assert isinstance(first["runs"], int)
    assert isinstance(second["runs"], int)
    assert second["runs"] > first["runs"] > 0


def test_command_ends_at_the_first_find_with_a_test(tmp_path: Path) -> None:
    repro = tmp_path / "test_ring.py"
    status, told = fuzz(RING, "--database", str(tmp_path), "--repro", str(repro))
    assert status == 1
    assert "breaks P5 update (pool fifo reference)" in told
    assert "from stateful_models.bugs.caches.ring import UpdateMoves" in repro.read_text()


@pytest.mark.parametrize(
    ("contents", "complaint"),
    [(b"{", "holds no campaign"), (b'{"subject": 1}', "holds no campaign")],
)
def test_command_refuses_a_file_that_is_no_campaign(
    tmp_path: Path, contents: bytes, complaint: str
) -> None:
    (tmp_path / "kvref.json").write_bytes(contents)
    status, told = fuzz("--minutes", "0.01", "--database", str(tmp_path))
    assert status == 2
    assert complaint in told


def test_command_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    status, told = fuzz("--database", str(path))
    assert status == 2
    assert "is no folder to use" in told


def test_command_refuses_a_server_that_is_not_there(tmp_path: Path) -> None:
    status, told = fuzz("--database", str(tmp_path), "--redis", "redis://localhost:1")
    assert status == 2
    assert "no Redis server at redis://localhost:1" in told
