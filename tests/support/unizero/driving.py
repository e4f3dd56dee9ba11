"""The published policy, tree search and collector on CartPole, the same each time."""

import contextlib
import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol

import torch
from torch import nn

from tests.support.unizero.published import Model, Outputs, Policy, WorldModel
from tests.support.unizero.repeatable import (
    quiet,
    seed_everything,
    seeded_environments,
    unclocked_ties,
)

P = ParamSpec("P")


class Heads(Enum):
    """How the last layer of each head starts: what the predictions can show."""

    RANDOM = auto()
    """All of them random: each context is told apart by each output."""
    FRESH = auto()
    """As published: zero, the encoder's too, so that all latents are equal and all outputs zero.
    Contexts differ in the hidden state alone."""
    ZERO = auto()
    """The dynamics head zero, the others random: all latents but the roots' are equal."""


@dataclass(frozen=True)
class Run:
    """One run; the defaults are the published CartPole configuration."""

    environments: int = 8
    simulations: int = 25
    rotary: bool = True
    heads: Heads = Heads.RANDOM
    context: int = 8
    layers: int = 2
    attention_heads: int = 2
    embedding: int = 64
    pool: int | None = None
    """`num_simulations` of the world model, which sizes its shared pool; None: `simulations`."""
    steps: int = 30
    seed: int = 0
    segments: bool = False
    """The collector of segments, where episodes go on from one collection to the next."""
    episodes: int | None = None
    """Of each collection of episodes; None: one an environment."""


@dataclass(frozen=True)
class Collected:
    """What one collection saw of the model: how many calls, and a digest of all they returned."""

    roots: int
    recurrent: int
    digest: str


class Collector(Protocol):
    def collect(self, *, train_iter: int, policy_kwargs: dict[str, float]) -> object: ...


@dataclass(frozen=True)
class Real:
    run: Run
    policy: Policy
    world_model: WorldModel
    collector: Collector

    def collect(self) -> Collected:
        """One collection, from the run's seed, with what is attached to the world model."""
        with quiet(), unclocked_ties(), digesting(self.world_model) as seen:
            seed_everything(self.run.seed)
            self.collector.collect(train_iter=0, policy_kwargs={"temperature": 1.0, "epsilon": 0.0})
        return seen.collected()


class Digest:
    """Every tensor that the model returns, in order."""

    def __init__(self) -> None:
        self._bytes = hashlib.blake2b(digest_size=16)
        self._calls = {"roots": 0, "recurrent": 0}

    def of(self, name: str, inference: Callable[P, Outputs]) -> Callable[P, Outputs]:
        @wraps(inference)
        def digested(*given: P.args, **named: P.kwargs) -> Outputs:
            outputs = inference(*given, **named)
            self._calls[name] += 1
            for tensor in outputs:
                if isinstance(tensor, torch.Tensor):
                    self._bytes.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
                    self._bytes.update(tensor.detach().cpu().contiguous().numpy().tobytes())
            return outputs

        return digested

    def collected(self) -> Collected:
        return Collected(**self._calls, digest=self._bytes.hexdigest())


@contextlib.contextmanager
def digesting(world_model: WorldModel) -> Iterator[Digest]:
    seen = Digest()
    with (
        wrapped(world_model, "forward_initial_inference", partial(seen.of, "roots")),
        wrapped(world_model, "forward_recurrent_inference", partial(seen.of, "recurrent")),
    ):
        yield seen


@contextlib.contextmanager
def wrapped(
    world_model: WorldModel,
    name: str,
    wrap: Callable[[Callable[..., Outputs]], Callable[..., Outputs]],
) -> Iterator[None]:
    """One method of this instance, outside whatever was put around it before."""
    own = vars(world_model)
    before = own.get(name)
    own[name] = wrap(getattr(world_model, name))
    try:
        yield
    finally:
        if before is None:
            del own[name]
        else:
            own[name] = before


def build(run: Run) -> Real:
    """The published system as it is before its first step; nothing attached."""
    with quiet(), seeded_environments(run.seed, run.steps):
        from ding.config import compile_config
        from ding.envs import create_env_manager, get_vec_env_setting
        from ding.policy import create_policy
        from ding.utils import set_pkg_seed
        from lzero.worker import MuZeroCollector, MuZeroSegmentCollector
        from tensorboardX import SummaryWriter

        main, create = configured(run)
        config = compile_config(
            main, seed=run.seed, env=None, auto=True, create_cfg=create, save_cfg=False
        )
        environment, settings, _ = get_vec_env_setting(config.env)
        environments = create_env_manager(
            config.env.manager, [partial(environment, cfg=setting) for setting in settings]
        )
        environments.seed(run.seed)
        set_pkg_seed(run.seed, use_cuda=False)
        policy: Policy = create_policy(config.policy, enable_field=["learn", "collect", "eval"])
        model = policy._collect_model
        start_heads(model, run)
        collector = MuZeroSegmentCollector if run.segments else MuZeroCollector
        return Real(
            run,
            policy,
            model.world_model,
            collector(
                env=environments,
                policy=policy.collect_mode,
                tb_logger=SummaryWriter("log"),
                exp_name="run",
                policy_config=config.policy,
            ),
        )


def configured(run: Run) -> tuple[Any, Any]:  # EasyDicts, which have no types
    """The published configuration, of this run's size, on one CPU and in one process."""
    from zoo.classic_control.cartpole.config import cartpole_unizero_config as published

    main, create = copy.deepcopy((published.main_config, published.create_config))
    create.env_manager.type = "base"
    main.exp_name = "run"
    main.env.env_id = "CartPole-v0"  # left out, as published
    policy, world = main.policy, main.policy.model.world_model_cfg
    evaluators = min(2, run.environments)
    for part in (main.env, policy, world):
        part.collector_env_num, part.evaluator_env_num = run.environments, evaluators
    main.env.n_evaluator_episode = evaluators
    policy.n_episode = run.episodes or run.environments
    policy.num_segments = world.env_num = run.environments
    policy.num_simulations = run.simulations
    policy.game_segment_length = 20
    policy.cuda, policy.device, world.device = False, "cpu", "cpu"
    world.context_length = world.context_length_for_recurrent = run.context
    world.num_layers, world.num_heads = run.layers, run.attention_heads
    world.embed_dim, world.rotary_emb = run.embedding, run.rotary
    world.num_simulations = run.pool or run.simulations
    return main, create


@torch.no_grad()
def start_heads(model: Model, run: Run) -> None:
    """Last layers are zero as published; those that this run wants random are drawn anew."""
    if run.heads is Heads.FRESH:
        return
    world_model = model.world_model
    random = [world_model.head_policy, world_model.head_value, world_model.head_rewards]
    if run.heads is Heads.RANDOM:
        random.append(world_model.head_observations)
    generator = torch.Generator().manual_seed(12345 + run.seed)
    for module in (*(head.head_module for head in random), model.representation_network):
        *_, last = (layer for layer in module.modules() if isinstance(layer, nn.Linear))
        drawn = torch.randn(last.weight.shape, generator=generator)
        last.weight.copy_(drawn / last.in_features**0.5)
