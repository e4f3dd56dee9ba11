"""The published entry to training: evaluator, collector, buffer and learner, in turns."""

import importlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from tests.support.unizero.driving import (
    Collected,
    Digest,
    Run,
    configured,
    digesting,
    start_heads,
)
from tests.support.unizero.published import Policy, WorldModel
from tests.support.unizero.repeatable import (
    attribute,
    quiet,
    seed_everything,
    seeded_environments,
    unclocked_ties,
)

UPDATES: Final = 3
"""Between two collections."""


@dataclass(frozen=True)
class Trained:
    """What the model answered, in evaluation and collection, and how often it was updated."""

    searches: Collected
    updates: int


def nothing(_: WorldModel) -> None: ...


def train(run: Run, prepare: Callable[[WorldModel], object] = nothing) -> Trained:
    """Evaluate, collect, learn, twice; `prepare` has the world model before its first step."""
    seen: list[Digest] = []
    with ExitStack() as stack:
        stack.enter_context(quiet())
        stack.enter_context(seeded_environments(run.seed, run.steps))
        entry = importlib.import_module("lzero.entry.train_unizero")
        stack.enter_context(unclocked_ties())
        create: Callable[..., Policy] = entry.create_policy

        def created(*given: object, **named: object) -> Policy:
            policy = create(*given, **named)
            model = policy._collect_model
            start_heads(model, run)
            prepare(model.world_model)
            seen.append(stack.enter_context(digesting(model.world_model)))
            seed_everything(run.seed)
            return policy

        stack.enter_context(attribute(entry, "create_policy", created))
        main, settings = configured(run)
        main.policy.update_per_collect = main.policy.eval_freq = UPDATES
        main.policy.batch_size = 16
        main.env.stop_value = 10**9
        policy: Policy = entry.train_unizero(
            [main, settings], seed=run.seed, max_train_iter=2 * UPDATES
        )
        (digest,) = seen
        steps = policy._optimizer_world_model.state_dict()["state"][0]["step"]
        return Trained(digest.collected(), int(steps))
