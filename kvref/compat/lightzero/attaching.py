"""kvref put behind the seams of one published world model, in one of five modes, reversibly."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Final, TypeVar, cast

from kvref.arguments import as_flag, as_size
from kvref.compat.lightzero.masking import mend
from kvref.compat.lightzero.published import Replacements, WorldModel, as_world_model
from kvref.compat.lightzero.rings import DictsAndRings
from kvref.compat.lightzero.searching import Search
from kvref.compat.lightzero.shadowing import (
    Index,
    Kvref,
    Published,
    Window,
    pools_of,
    put_in_place,
    sized_alike,
    sizes_of,
)
from kvref.compat.lightzero.telling import Nodes
from kvref.compat.lightzero.tree import Tree
from kvref.compat.lightzero.windows import as_window, contents
from kvref.errors import KVCacheValueError, show
from kvref.manager import KVCacheManager
from kvref.ownership import Ownership
from kvref.ranks import Priority
from kvref.recording import Recorder
from kvref.shadow import ManagerSide, Mode, OnDivergence, Shadow, Side
from kvref.tensors import KeysValues, SearchSession, close

E = TypeVar("E", bound=Enum)
KEPT: Final = "kvref_attachment"
"""Under this an attached model keeps what is behind its seams; no copy does."""


class Kept:
    """Copies and pickles have None."""

    def __init__(self, attachment: "Attachment") -> None:
        self.attachment = attachment

    def __reduce__(self) -> tuple[object, ...]:
        return type(None), ()


class Attachment:
    """What stands behind a world model's seams until it is detached; also a `with` block.

    Attributes:
        mode: who answers.
        manager: kvref's; None under OFF.
        shadow: of SHADOW, COMPARE and SERVE: what differed.
        session: of SWITCH.
        sizes: the published pools, by name, and how many windows each has room for.
    """

    def __init__(self, model: WorldModel, mode: Mode) -> None:
        self.mode = mode
        self.manager: KVCacheManager[KeysValues] | None = None
        self.shadow: Shadow[Window] | None = None
        self.session: SearchSession | None = None
        self.sizes = sizes_of(model)
        self._model, self._replacements = model, Replacements()
        self._recorder: Recorder[KeysValues] | None = None

    def detach(self) -> None:
        """The world model is as it was, with the contents that its own caches have by now."""
        recorder, self._recorder = self._recorder, None
        try:
            if recorder is not None:
                recorder.close()
        finally:
            self._replacements.undo()

    def __enter__(self) -> "Attachment":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.detach()

    def anew(self) -> tuple[Callable[[], DictsAndRings[object]], Callable[[], Side[object]]]:
        """What makes the published pools and kvref's as they were at first, and as large, for
        `stateful_models.explain`."""
        sizes, envs = self.sizes, self._model.env_num
        config = sized_alike(self._model)
        return (
            lambda: DictsAndRings(sizes),
            lambda: ManagerSide(KVCacheManager[object](config, envs)),
        )

    def summary(self) -> str:
        """What was compared, or looked up, for people."""
        if self.shadow is not None:
            return self.shadow.summary()
        if self.manager is None or self.manager.lookup_stats is None:
            return self.mode.value
        seen = self.manager.lookup_stats
        return (
            f"{self.mode.value}: {seen.total} lookups in simulations: {seen.init_hits} hits in "
            f"init, {seen.recur_hits} in recur, {seen.misses} rebuilt"
        )

    def __repr__(self) -> str:
        return f"Attachment({self.mode.name} of {type(self._model).__name__})"


def attach(
    world_model: object,
    mode: Mode | str = Mode.SWITCH,
    *,
    ownership: Ownership | str = Ownership.SEALED,
    on_divergence: OnDivergence | str = OnDivergence.LOG,
    rtol: Priority = 0.0,
    atol: Priority = 0.0,
    every: int = 1,
    simulations: int | None = None,
    grouped: bool = False,
    record: str | Path | None = None,
) -> Attachment:
    """Put kvref behind the caches of LightZero 0.2.0, on this instance only; `detach()` undoes it.

    Args:
        world_model: UniZero's, or what holds it as `world_model`, as its policies' models do; or
            such a policy, in whose `_collect_model` it is.
        mode: `Mode`, or its value. Under SWITCH a `SearchSession` is in the place of the code that
            copies, pads and cuts; under the others that code runs, and asks whoever answers.
        ownership: how kvref's pools keep what they are given; likewise, as are all that are named.
        on_divergence, every: as `Shadow`.
        rtol, atol: how far contents may differ; not at all, as it is.
        simulations: the most of one search, which sizes recur; the world model's own number if not
            given. Beyond it contexts are made anew: as right, and slower.
        grouped: SWITCH leaves the attention alone, and runs rows of unequal length apart. Otherwise
            it is mended, so that they run together under a mask.
        record: what kvref's manager is asked and told is recorded into this file until `detach()`,
            with the nodes that it is for, so that `kvref trace check` judges whose contexts were
            delivered (S2).
    """
    model = as_world_model(world_model)
    mode = as_one_of(Mode, mode, "mode")
    ownership = as_one_of(Ownership, ownership, "ownership")
    on_divergence = as_one_of(OnDivergence, on_divergence, "on_divergence")
    every, same = as_size(every, "every"), close(rtol, atol)
    there = attachment_of(model)
    if there is not None:
        raise KVCacheValueError(f"{there!r} is there: detach it first")
    grouped = as_flag(grouped, "grouped")
    size = model.num_simulations if simulations is None else as_size(simulations, "simulations")
    made = Attachment(model, mode)
    if mode is Mode.OFF:
        if record is not None:
            raise KVCacheValueError("under OFF kvref is told nothing: there is nothing to record")
        return made
    try:
        made._replacements.keep(model, KEPT, Kept(made))
        if mode is Mode.SWITCH:
            _search(made, model, ownership, size, grouped)
        else:
            _shadow(made, model, ownership, on_divergence, every, same)
        if record is not None:
            _record(made, model, record)
    except BaseException:
        made.detach()
        raise
    return made


def detach(world_model: object) -> None:
    """Undo `attach`, if this world model is attached to."""
    attached = attachment_of(as_world_model(world_model))
    if attached is not None:
        attached.detach()


def attachment_of(model: WorldModel) -> Attachment | None:
    """What is behind its seams."""
    kept: Kept | None = vars(model).get(KEPT)
    return None if kept is None else kept.attachment


def as_one_of(kind: type[E], value: object, what: str) -> E:
    """A member, or what its value is."""
    told = [one for one in kind if value is one or value == one.value]
    if not told:
        known = ", ".join(str(one.value) for one in kind)
        raise KVCacheValueError(f"{what} must be one of {known}, not {show(value)}")
    return told[0]


def _shadow(
    made: Attachment,
    model: WorldModel,
    ownership: Ownership,
    on_divergence: OnDivergence,
    every: int,
    same: Callable[[object, object], bool],
) -> None:
    manager = KVCacheManager[KeysValues](sized_alike(model), model.env_num, ownership=ownership)
    pools = pools_of(model, made.mode)
    held = sum(map(len, pools.values()))
    if held and made.mode is not Mode.SHADOW:
        raise KVCacheValueError(
            f"the published caches hold {held} contexts of which kvref was not told: "
            "clear_caches() first"
        )
    shadow = Shadow[Window](
        Published(pools),
        Kvref(manager),
        made.mode,
        snapshot=contents,
        same=same,
        copy=as_window,
        on_divergence=on_divergence,
        every=every,
    )
    put_in_place(model, pools, shadow, made._replacements)
    made.manager, made.shadow = manager, shadow


def _record(made: Attachment, model: WorldModel, path: str | Path) -> None:
    """From here on; a session names its nodes, of the published code the tree knows them."""
    assert made.manager is not None
    if made.session is not None:
        made._recorder = Recorder(made.manager, path, session=made.session)
        return
    recorder = made._recorder = Recorder(made.manager, path)
    tree, replacements = Tree(), made._replacements
    replacements.and_then(tree.leave)
    tree.watch()
    nodes = Nodes(tree, recorder)
    for pool in (*model.past_kv_cache_init_infer_envs, model.past_kv_cache_recurrent_infer):
        cast(Index, pool).nodes = nodes
    roots, simulation = model.wm_forward_for_initial_infererence, model.forward_recurrent_inference
    replacements.method(model, "wm_forward_for_initial_infererence", nodes.roots(roots))
    replacements.method(model, "forward_recurrent_inference", nodes.simulation(simulation))


def _search(
    made: Attachment, model: WorldModel, ownership: Ownership, simulations: int, grouped: bool
) -> None:
    if model.context_length <= 2:
        raise KVCacheValueError(
            f"a world model whose context_length is {model.context_length} keeps no contexts"
        )
    sizes = SimpleNamespace(game_segment_length=2, num_simulations=simulations)
    manager = KVCacheManager[KeysValues](sizes, model.env_num, ownership=ownership)
    tree, replacements = Tree(), made._replacements
    replacements.and_then(tree.leave)
    tree.watch()
    published = (model.wm_forward_for_initial_infererence, model.forward_recurrent_inference)
    search = Search(model, manager, tree, grouped, published)
    replacements.and_then(search.close)
    cleared = model.clear_caches

    def clear_caches() -> None:
        cleared()
        search.forget()

    replacements.method(model, "wm_forward_for_initial_infererence", search.roots)
    replacements.method(model, "forward_recurrent_inference", search.simulate)
    replacements.method(model, "clear_caches", clear_caches)
    if not grouped:
        mend(model, replacements)
    made.manager, made.session = manager, search.session
