"""UniZero on kvref: `attach` for the published release, modules under the old names for newer ones.

    attached = attach(policy._collect_model.world_model, mode="shadow")
    ...  # collect, as always
    print(attached.summary())
    attached.detach()

LightZero is not imported.
"""

from kvref.compat.lightzero.attaching import Attachment, attach, detach

__all__ = ["Attachment", "attach", "detach"]
