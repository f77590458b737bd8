"""How long data take over a link, and how long a round of models between sites: a fluid link without loss."""

from __future__ import annotations


def transfer_s(megabytes: float, mbit_s: float, latency_s: float = 0.0, sharing: int = 1) -> float:
    """Seconds for so many megabytes (10^6 bytes): latency + 8 bytes / (bandwidth / sharing).

    sharing: transfers that share the link alike. Raises ValueError for a link without bandwidth.

    >>> transfer_s(62.5, 50.0, 0.05), transfer_s(62.5, 50.0, 0.05, sharing=4)
    (10.05, 40.05)
    """
    if mbit_s <= 0 or sharing < 1:
        raise ValueError("a link needs bandwidth above 0 and at least one transfer")
    return latency_s + 8 * megabytes * sharing / mbit_s


def model_megabytes(parameters: float, bytes_each: float, compression: float = 1.0) -> float:
    """Size of a model as it is sent; compression: sent over stored bytes.

    >>> model_megabytes(125e6, 2, 0.25)
    62.5
    """
    return parameters * bytes_each * compression / 1e6


def round_s(megabytes: float, mbit_s: float, latency_s: float = 0.0) -> float:
    """A model down and its update up.

    >>> round_s(62.5, 50.0, 0.05)
    20.1
    """
    return 2 * transfer_s(megabytes, mbit_s, latency_s)
