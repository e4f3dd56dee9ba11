"""The mutation gate: names, changes, and equivalents that speak of code that is there."""

import inspect
from pathlib import Path

import pytest

from kvref.stats import LookupStats
from tests.mutation.__main__ import modules, selected
from tests.mutation.properties import changes, difference, skipped
from tests.mutation.report import ARROW, change_of, explained, function_of
from tests.mutation.touched import functions

DIFF = """--- kvref/pool.py
+++ kvref/pool.py
@@ -1,3 +1,3 @@
 def f(x):
-    return x + 1
+    return x - 1
"""


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("kvref.pool.xǁKVCachePoolǁset__mutmut_7", "kvref.pool.KVCachePool.set"),
        ("kvref.pool.xǁKVCachePoolǁ__init____mutmut_23", "kvref.pool.KVCachePool.__init__"),
        ("kvref.sizing.x__attribute__mutmut_1", "kvref.sizing._attribute"),
        ("spec.keys.x_xxh64__mutmut_12", "spec.keys.xxh64"),
    ],
)
def test_a_mutant_is_known_by_its_function(name: str, function: str) -> None:
    assert function_of(name) == function


def test_a_mutant_is_known_by_its_change_not_by_its_number() -> None:
    assert change_of(DIFF) == "return x + 1 => return x - 1"


def test_every_equivalent_says_why_and_is_of_code_that_is_there() -> None:
    known = explained()
    assert len(known) > 100
    for mutant, reason in known.items():
        function, _, change = mutant.partition(" | ")
        old = change.partition(ARROW.rstrip())[0].strip()
        *package, last = function.split(".")
        while not (path := Path(*package).with_suffix(".py")).exists():
            package, last = package[:-1], package[-1]
        text = " ".join(line.strip() for line in path.read_text().splitlines())
        assert old in text, mutant
        assert last in text, mutant
        assert len(reason.split()) >= 2, mutant


def test_functions_are_named_as_mutmut_names_them() -> None:
    source = "def f():\n    pass\n\nclass C:\n    def g(self):\n        return 1\n"
    assert list(functions(source)) == [("x_f", range(1, 3)), ("xǁCǁg", range(5, 7))]


def test_patterns_choose_modules_and_tests() -> None:
    assert modules(["spec.pool.x_get__mutmut_*", "spec.search*"]) == [
        "spec/pool.py",
        "spec/search*",
    ]
    assert selected(["kvref.tensors.cache.x_f__mutmut_1"]) == ["tests/kvref/tensors"]
    assert "tests/stateful_models/engines/test_search_protocol.py" in selected(
        ["spec.search.x_step__mutmut_*"]
    )
    assert "tests/kvref/test_pool.py" in selected(["kvref.pool.x_f__mutmut_*"])


def test_properties_are_what_mutmut_skips_and_cosmic_ray_mutates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a module that holds one class of kvref/stats.py; every place there is tried."""
    path = Path("kvref/stats.py")
    assert "CacheStats.hit_rate" in {one.name for one in skipped(path)}
    source = inspect.getsource(LookupStats)
    monkeypatch.chdir(tmp_path)
    path.parent.mkdir()
    path.write_text(source)
    made = [one for one in changes(path) if one.mutant.function.endswith("LookupStats.total")]
    assert (
        "return self.init_hits + self.recur_hits + self.misses => "
        "return self.init_hits - self.recur_hits + self.misses"
    ) in {one.mutant.change for one in made}
    assert all(difference(path.read_text(), one.source) == one.mutant.change for one in made)
