"""What lines of a commitment are about: a fee says no instance type, the use of it does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from marketsim.billing.bill import Line


def settled(lines: Sequence[Line]) -> list[Line]:
    """The lines with each commitment's fees and unused part given the machine it was used on, by most dollars.

    A commitment that never covered a GPU is unmapped, with its dollars.
    """
    used: dict[str, dict[Line, int]] = defaultdict(dict)
    for line in lines:
        if line.commitment and line.gpus:
            machines = used[line.commitment]
            key = line._replace(from_s=0, to_s=0, month="", billed=0, effective=0, hours=0.0, resource="", what="",
                                status="", category="committed", service="", reason="")  # fmt: skip
            machines[key] = machines.get(key, 0) + abs(line.effective) + 1
    about = {name: max(found, key=lambda key: (found[key], key)) for name, found in used.items()}
    out = []
    for line in lines:
        if line.category != "committed" or line.gpus:
            out.append(line)
        elif line.commitment in about:
            on = about[line.commitment]
            out.append(line._replace(instance=on.instance, gpu=on.gpu, gpus=on.gpus, region=line.region or on.region))
        else:
            out.append(line._replace(category="unmapped", reason="a commitment that covered no GPU in this bill"))
    return out
