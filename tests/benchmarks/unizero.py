"""Old against new on the published UniZero, in its own environment: ratios from one run.

    python -m tests.benchmarks.unizero [--quick]

It takes half an hour. Wrong predictions: each is compared with the oracle's, which has no cache.
Times: of one simulation of all environments, `forward_recurrent_inference`, and of it what is not
the model's own forward pass, the cache part; seconds of the processor, contestants in turn. With
fresh heads every contestant searches the same trees, so that times compare; memory is what the
pools hold when a search ends.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from time import process_time
from typing import cast

import torch

from kvref import Ownership
from kvref.compat.lightzero import Attachment, attach
from kvref.shadow import Mode, OnDivergence
from kvref.tensors import Step
from tests.support.unizero.driving import Heads, Real, Run, build, wrapped
from tests.support.unizero.oracle import Counts, judging


@dataclass(frozen=True)
class Contestant:
    """How the published system is run."""

    name: str
    mode: Mode
    ownership: Ownership = Ownership.SEALED
    grouped: bool = False

    def attached(self, real: Real, pool: int | None = None) -> Attachment:
        return attach(
            real.world_model,
            self.mode,
            ownership=self.ownership,
            grouped=self.grouped,
            simulations=pool,
            on_divergence=OnDivergence.COUNT,
        )


PUBLISHED = Contestant("published", Mode.OFF)
SESSION = Contestant("session", Mode.SWITCH)
CONTESTANTS = (
    PUBLISHED,
    Contestant("kvref manager, COPY", Mode.SERVE, Ownership.COPY),
    Contestant("kvref manager, SEALED", Mode.SERVE),
    SESSION,
    Contestant("session, in groups", Mode.SWITCH, grouped=True),
)
HEADS = {Heads.RANDOM: "random", Heads.FRESH: "fresh", Heads.ZERO: "zero dynamics"}
SIZES = {
    "CartPole's network (64), context of 8": Run(heads=Heads.FRESH),
    "Atari's network (768), context of 8": Run(heads=Heads.FRESH, attention_heads=8, embedding=768),
    "Atari's network (768), context of 20": Run(
        heads=Heads.FRESH, attention_heads=8, embedding=768, context=20
    ),
}


@dataclass
class Spent:
    """Seconds and counts of one collection."""

    simulations: int = 0
    rows: int = 0
    whole: float = 0.0
    model: float = 0.0
    get: float = 0.0
    put: float = 0.0
    held: list[int] = field(default_factory=list)

    @property
    def cache(self) -> float:
        return self.whole - self.model

    def per_simulation(self, seconds: float) -> float:
        return seconds / max(1, self.simulations)


@dataclass
class Judged:
    """Predictions against the oracle's, and how many lookups of simulations missed."""

    roots: int = 0
    roots_wrong: int = 0
    recurrent: int = 0
    recurrent_wrong: int = 0
    error: float = 0.0
    asked: int = 0
    missed: int = 0
    failed: str = ""

    def add(self, counts: Counts) -> None:
        self.roots += counts.roots
        self.roots_wrong += counts.roots_wrong
        self.recurrent += counts.recurrent
        self.recurrent_wrong += max(counts.recurrent_wrong, counts.hidden_wrong)
        self.error = max(self.error, counts.error, counts.hidden_error)

    def __str__(self) -> str:
        if self.failed:
            return self.failed
        wrong = 1000 * (self.recurrent_wrong + self.roots_wrong) / (self.recurrent + self.roots)
        return f"{wrong:.0f}"


def judged(contestant: Contestant, run: Run, pool: int | None) -> Judged:
    """One run, judged."""
    made, real = Judged(), build(run)
    with contestant.attached(real, pool), judging(real.world_model) as counts:
        try:
            real.collect()
        except TypeError as error:  # the published ring, asked for what no dict knows
            made.failed = f"raises {type(error).__name__}"
    made.add(counts)
    told = vars(real.world_model)
    made.asked = told["total_query_count"]
    made.missed = made.asked - told["hit_count"]
    return made


@contextmanager
def timing(real: Real, attached: Attachment, spent: Spent) -> Iterator[None]:
    """The parts of every simulation of this world model."""
    inside = [False]

    def part(name: str) -> Callable[..., Callable[..., object]]:
        def wrap(call: Callable[..., object]) -> Callable[..., object]:
            def timed(*given: object, **named: object) -> object:
                began = process_time()
                try:
                    return call(*given, **named)
                finally:
                    if inside[0]:
                        setattr(spent, name, getattr(spent, name) + process_time() - began)

            return timed

        return cast(Callable[..., Callable[..., object]], wrap)

    def simulation(call: Callable[..., object]) -> Callable[..., object]:
        def timed(*given: object, **named: object) -> object:
            inside[0], began = True, process_time()
            try:
                result = call(*given, **named)
            finally:
                inside[0] = False
            spent.whole += process_time() - began
            spent.simulations += 1
            spent.rows += len(cast(tuple[torch.Tensor, ...], result)[1])
            if spent.simulations % real.run.simulations == 0:
                spent.held.append(bytes_held(real, attached))
            return result

        return timed

    wraps = {"forward": part("model"), "forward_recurrent_inference": simulation}
    if attached.session is None:
        wraps |= {
            "retrieve_or_generate_kvcache": part("get"),
            "trim_and_pad_kv_cache": part("get"),
            "update_cache_context": part("put"),
        }
    else:
        attached.session.step_type = type(  # type: ignore[misc]  # of this session alone
            "Timed",
            (Step,),
            {
                "__enter__": part("get")(Step.__enter__),
                "__exit__": part("put")(Step.__exit__),
            },
        )
    with nested(real, wraps):
        yield


@contextmanager
def nested(real: Real, wraps: dict[str, Callable[..., Callable[..., object]]]) -> Iterator[None]:
    if not wraps:
        yield
        return
    (name, wrap), *others = wraps.items()
    with wrapped(real.world_model, name, wrap), nested(real, dict(others)):  # type: ignore[arg-type]  # whatever it returns
        yield


def bytes_held(real: Real, attached: Attachment) -> int:
    """Of the recurrent pool; storages that windows share count once."""
    if attached.manager is not None:
        windows = [one for pool in attached.manager.recur_pools for one in pool.residents()]
        tensors = [tensor for one in windows for tensor in one.value._tensors()]
    else:
        ring = vars(real.world_model)["shared_pool_recur_infer"]
        tensors = [
            half._cache
            for window in ring
            if window is not None
            for layer in window._keys_values
            for half in (layer._k_cache, layer._v_cache)
        ]
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage() for one in tensors}
    return sum(one.nbytes() for one in storages.values())


def spent(contestant: Contestant, run: Run) -> Spent:
    """One run, timed."""
    real, made = build(run), Spent()
    with contestant.attached(real) as attached, timing(real, attached, made):
        real.collect()
    return made


def wrong(quick: bool, told: Callable[[str], None]) -> dict[tuple[str, str], Judged]:
    """The table of wrong predictions."""
    small = Run(environments=2, simulations=4, steps=4) if quick else Run()
    heads = {Heads.RANDOM: "random"} if quick else HEADS
    found: dict[tuple[str, str], Judged] = {}
    told("wrong predictions in 1,000, roots and simulations (tolerance 1e-4)")
    told(f"  {'':42}" + "".join(f"{one.name:>24}" for one in CONTESTANTS))
    for rotary in (True, False):
        for head, name in heads.items():
            for pool, size in ((None, "pools as published"), (1, "recur for one simulation")):
                run = replace(small, heads=head, rotary=rotary, pool=pool)
                row = f"{'RoPE' if rotary else 'learned'}, {name} heads, {size}"
                for one in CONTESTANTS:
                    found[row, one.name] = judged(one, run, pool)
                told(
                    f"  {row:42}" + "".join(f"{found[row, one.name]!s:>24}" for one in CONTESTANTS)
                )
    for one in CONTESTANTS:
        mine = [value for (_, name), value in found.items() if name == one.name]
        roots, recurrent = sum(each.roots for each in mine), sum(each.recurrent for each in mine)
        bad = sum(each.roots_wrong for each in mine), sum(each.recurrent_wrong for each in mine)
        missed, asked = sum(each.missed for each in mine), sum(each.asked for each in mine)
        told(
            f"  {one.name}: {bad[1]:,} of {recurrent:,} simulated and {bad[0]:,} of {roots:,} root "
            f"predictions wrong, error up to {max(each.error for each in mine):.1g}, "
            f"{missed:,} of {asked:,} lookups missed"
        )
    return found


def costs(quick: bool, told: Callable[[str], None]) -> dict[tuple[str, str], list[Spent]]:
    """The table of times and bytes."""
    rounds = 1 if quick else 3
    found: dict[tuple[str, str], list[Spent]] = {}
    for size, run in SIZES.items():
        if quick:
            run = replace(run, environments=2, simulations=4, steps=4)
        for _ in range(rounds):
            for one in CONTESTANTS:
                found.setdefault((size, one.name), []).append(spent(one, run))
        told(f"{size}: of the published system's")
        told(
            f"  {'':24}{'cache part':>12}{'simulation':>12}{'get':>8}{'set':>8}{'held':>8}"
            f"{'simulations/s':>16}{'ms cache part':>16}"
        )
        base = found[size, PUBLISHED.name]
        for one in CONTESTANTS:
            mine = found[size, one.name]

            pairs = list(zip(mine, base, strict=True))

            def of(
                number: Callable[[Spent], float], pairs: list[tuple[Spent, Spent]] = pairs
            ) -> float:
                return median(number(it) / (number(its) or 1.0) for it, its in pairs)

            told(
                f"  {one.name:24}{of(lambda it: it.per_simulation(it.cache)):12.2f}"
                f"{of(lambda it: it.per_simulation(it.whole)):12.2f}"
                f"{of(lambda it: it.per_simulation(it.get)):8.2f}"
                f"{of(lambda it: it.per_simulation(it.put)):8.2f}"
                f"{of(lambda it: max(it.held)):8.3f}"
                f"{median(it.rows / it.whole for it in mine):16.0f}"
                f"{1e3 * min(it.per_simulation(it.cache) for it in mine):16.2f}"
            )
    return found


def main(quick: bool) -> None:
    torch.set_num_threads(1)
    wrong(quick, print)
    costs(quick, print)


if __name__ == "__main__":
    main("--quick" in sys.argv)
