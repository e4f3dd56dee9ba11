"""Whether the weights that contexts were made with are still the model's."""

from functools import partial
from typing import TYPE_CHECKING
from weakref import finalize, ref

from torch.optim.optimizer import register_optimizer_step_post_hook

from kvref.compat.lightzero.published import WorldModel

if TYPE_CHECKING:
    from torch.optim import Optimizer


class Weights:
    """Of one model, as they were when somebody looked last.

    Told by what torch counts, by where they lie (what lay there is held, so that nothing else can),
    and by optimizers, whose fused steps torch does not count. What is written through `.data`
    leaves no mark: `clear_caches` is to be called then, as UniZero's policy does.
    """

    def __init__(self, model: WorldModel) -> None:
        self._model = model
        watched = register_optimizer_step_post_hook(partial(stepped, ref(self)))
        self.close = finalize(self, watched.remove)
        self.look()

    def look(self) -> None:
        """These are the weights from here on."""
        parameters = list(self._model.parameters())
        self._held = [one.detach() for one in parameters]
        self._seen = [(one.data_ptr(), one._version) for one in parameters]
        self.trained = False

    def changed(self) -> bool:
        now = [(one.data_ptr(), one._version) for one in self._model.parameters()]
        return self.trained or now != self._seen

    def includes(self, optimizer: "Optimizer") -> bool:
        own = {id(one) for one in self._model.parameters()}
        return any(id(one) in own for group in optimizer.param_groups for one in group["params"])


def stepped(weights: "ref[Weights]", optimizer: "Optimizer", *_: object) -> None:
    """An optimizer has taken a step; nobody need be there any longer to whom that matters."""
    told = weights()
    if told is not None and told.includes(optimizer):
        told.trained = True
