"""How many requests a second one replica serves within its objective, GPU by GPU.

Three ways to know: a language model by its roofline (memory traffic against arithmetic, prefill and decode), a
published benchmark with its cost relative to the model served, or figures of one's own. A GPU without a figure
cannot serve.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from marketsim import settings
from marketsim.data import tables
from marketsim.data.gpus import DEVICES, SPECS
from marketsim.demand import queueing
from marketsim.demand.demand import GpuName

# share of peak that software reaches: assumptions. Prefill is a large matrix product (40 to 60 % is common); decoding
# reads all weights a step, and llama.cpp's F16 run reaches 436 GiB/s on a card of the 0.7 to 1 TB/s class.
PREFILL_SHARE, MEMORY_SHARE, DECODE_SHARE = 0.5, 0.6, 0.3
MATMUL_SHARE = 0.8  # of peak bf16 where no product was measured; measured ones lie at 0.51 to 0.87 (gpu_specs.csv)
USABLE_MEMORY = 0.9  # of a GPU, the rest is for the runtime: assumption
TENSOR_PARALLEL_SIGMA = 0.05  # loss a further GPU of one replica: assumption

# memory bandwidth (TB/s) and dense fp16 TFLOPS of devices: makers' data sheets from memory, assumption
DEVICE_SPEEDS: dict[str, tuple[float, float]] = {
    "Jetson AGX Orin 64GB": (0.2048, 68.0),
    "Jetson AGX Orin MaxQ": (0.2048, 34.0),
    "Jetson Orin NX 16GB": (0.1024, 25.0),
    "Jetson AGX Xavier": (0.1366, 11.0),
    "Jetson Orin Nano Super 8GB": (0.102, 16.7),
    "Server 1x L4": (0.3, 96.8),
    "Server 1x T4": (0.32, 52.0),
}
DEVICE_MEMORY_GB = {
    "Jetson AGX Orin 64GB": 64.0,
    "Jetson AGX Orin MaxQ": 64.0,
    "Jetson Orin NX 16GB": 16.0,
    "Jetson AGX Xavier": 32.0,
    "Jetson Orin Nano Super 8GB": 8.0,
    "Server 1x L4": 24.0,
    "Server 1x T4": 16.0,
}
_BENCHMARK_COLUMNS = {
    "resnet50": ("mlperf_resnet50_img_s", "resnet50_img_s"),
    "bert99": ("mlperf_bert99_seq_s", "bert99_seq_s"),
    "rnnt": ("mlperf_rnnt_utt_s", "rnnt_utt_s"),
}


class Silicon(NamedTuple):
    """What a roofline needs of one GPU: memory GB, bandwidth TB/s, reachable bf16 TFLOPS."""

    memory_gb: float
    bandwidth_tbs: float
    matmul_tflops: float


@lru_cache(maxsize=1)
def silicon() -> dict[str, Silicon]:
    """Figures of each GPU and device that has them, by its one name."""
    rows = {row["gpu"]: row for row in tables.table("gpu_specs")}
    found: dict[str, Silicon] = {}
    for name, key in SPECS.items():
        row = rows[key]
        if row["mem_gb"] and row["mem_bw_tbs"] and row["bf16_tflops"]:
            measured = row["max_matmul_bf16_tflops_measured"]
            tflops = float(measured) if measured else MATMUL_SHARE * float(row["bf16_tflops"])
            found[name] = Silicon(float(row["mem_gb"]), float(row["mem_bw_tbs"]), tflops)
    for name, (bandwidth, tflops) in DEVICE_SPEEDS.items():
        found[name] = Silicon(DEVICE_MEMORY_GB[name], bandwidth, MATMUL_SHARE * tflops)
    return found


class Slo(settings.Settings):
    """The objective: a share of requests answered within a latency; for language models, the first token is."""

    latency_s: settings.Positive = Field(description="seconds to the answer, or to the first token")
    share: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.99, description="share of requests within it")


class Serving(settings.Kind):
    """The contract: requests a second of one replica within the objective, by GPU; and what a replica holds."""

    def replica_requests_per_s(self, gpus: int, slo: Slo | None) -> dict[str, float]:
        """Requests a second of one replica of so many GPUs, by GPU name, above 0."""
        raise NotImplementedError

    def memory_gb_per_gpu(self, gpus: int) -> float:
        """Least memory of each GPU of a replica."""
        raise NotImplementedError

    @property
    def tokens(self) -> tuple[float, float] | None:
        """Mean input and output tokens of a request, None where it has none."""
        return None


class Batching(NamedTuple):
    """A replica under continuous batching: requests together, seconds each takes, seconds of its prefill alone."""

    slots: int
    service_s: float
    prefill_s: float


class Llm(Serving):
    """A language model under continuous batching, by its roofline.

    Prefill takes 2 x parameters x input tokens of arithmetic; a decode step of b requests reads the weights and b
    caches, or does 2 x parameters x b of arithmetic, whichever is longer. With b requests together one takes
    b x prefill + output tokens x step. The batch is the largest that memory and the time between tokens allow; requests
    then wait for one of b slots, M/M/b, and the objective is on wait and prefill.
    """

    kind: Literal["llm"] = "llm"
    parameters_b: settings.Positive = Field(description="parameters in billions")
    layers: settings.PositiveCount = Field(description="layers")
    kv_heads: settings.PositiveCount = Field(description="key and value heads a layer")
    head_size: settings.PositiveCount = Field(description="numbers in a head")
    input_tokens: settings.Positive = Field(description="mean input tokens a request")
    output_tokens: settings.Positive = Field(description="mean output tokens a request")
    weight_bits: Annotated[float, Field(ge=1, le=32)] = Field(default=16, description="bits a weight")
    most_together: settings.PositiveCount = Field(default=256, description="requests in a batch at most")
    read_bits: settings.Positive | None = Field(
        default=None,
        description="bits a weight as fast as they are read, where kernels unpack slower than memory reads",
    )
    arithmetic_speedup: settings.Positive = Field(
        default=1.0,
        description="of prefill and decode arithmetic over the plain model; below 1 where weights are unpacked",
    )
    token_s: settings.Positive = Field(
        default=0.2, description="seconds between output tokens at most; 0.2 is the pace of reading, an assumption"
    )

    @property
    def weights_gb(self) -> float:
        """Memory of the weights."""
        return self.parameters_b * self.weight_bits / 8

    @property
    def cache_gb(self) -> float:
        """Memory of one request's keys and values at its mean length, 2 bytes a number."""
        numbers = 2 * self.layers * self.kv_heads * self.head_size
        return numbers * 2 * (self.input_tokens + self.output_tokens) / 1e9

    @property
    def tokens(self) -> tuple[float, float] | None:
        return self.input_tokens, self.output_tokens

    def memory_gb_per_gpu(self, gpus: int) -> float:
        return (self.weights_gb + self.cache_gb) / gpus / USABLE_MEMORY

    def batching(self, one: Silicon, gpus: int) -> Batching | None:
        """How a replica batches on so many GPUs, None where it does not fit or is too slow."""
        free_gb = one.memory_gb * gpus * USABLE_MEMORY - self.weights_gb
        fits = int(free_gb / self.cache_gb) if free_gb > 0 else 0
        speed = gpus / (1 + TENSOR_PARALLEL_SIGMA * (gpus - 1))
        flop = 2 * self.parameters_b * 1e9 / self.arithmetic_speedup
        read_gb = self.weights_gb if self.read_bits is None else self.parameters_b * self.read_bits / 8
        prefill_s = flop * self.input_tokens / (one.matmul_tflops * 1e12 * PREFILL_SHARE * speed)

        def service_s(slots: int) -> float:
            read_s = (read_gb + slots * self.cache_gb) / (one.bandwidth_tbs * 1e3 * MEMORY_SHARE * speed)
            compute_s = flop * slots / (one.matmul_tflops * 1e12 * DECODE_SHARE * speed)
            return slots * prefill_s + self.output_tokens * max(read_s, compute_s)

        low, high = 0, min(fits, self.most_together)
        while low < high:  # the time a request takes rises with the batch
            middle = (low + high + 1) // 2
            low, high = (middle, high) if service_s(middle) <= self.token_s * self.output_tokens else (low, middle - 1)
        return Batching(low, service_s(low), prefill_s) if low else None

    def replica_requests_per_s(self, gpus: int, slo: Slo | None) -> dict[str, float]:
        rates: dict[str, float] = {}
        for name, one in silicon().items():
            batch = self.batching(one, gpus)
            if batch is None:
                continue
            rate = batch.slots / batch.service_s
            if slo is not None:
                left_s = slo.latency_s - batch.prefill_s
                rate = queueing.largest_rate(batch.slots, batch.service_s, left_s, slo.share)
            if rate > 0:
                rates[name] = rate
        return rates


class Benchmark(Serving):
    """A small model by MLPerf inference, offline: samples a second, divided by the cost of a request in samples.

    Its batches are short, so a replica is one fast server: with objective L and share p it takes
    usable x rate - ln(1 / (1 - p)) / L, the M/M/1 response tail.
    """

    kind: Literal["benchmark"] = "benchmark"
    benchmark: Literal["resnet50", "bert99", "rnnt"] = Field(description="MLPerf inference benchmark")
    cost_factor: settings.Positive = Field(default=1.0, description="cost of a request over a benchmark sample")
    usable_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.8, description="of the offline rate that live traffic gets: assumption"
    )
    memory_gb: settings.Positive = Field(default=4.0, description="memory of a replica")

    def memory_gb_per_gpu(self, gpus: int) -> float:
        return self.memory_gb / gpus

    def replica_requests_per_s(self, gpus: int, slo: Slo | None) -> dict[str, float]:
        column, edge_column = _BENCHMARK_COLUMNS[self.benchmark]
        rows = {row["gpu"]: row[column] for row in tables.table("gpu_specs")}
        edge = {row["device"]: row[edge_column] for row in tables.table("edge_devices")}
        given = {name: rows[key] for name, key in SPECS.items()} | {name: edge[key] for name, key in DEVICES.items()}
        rates = {}
        for name, text in given.items():
            if text:
                rate = gpus * self.usable_share * float(text) / self.cost_factor
                rates[name] = rate - (queueing.response_allowance(slo.latency_s, slo.share) if slo else 0.0)
        return {name: rate for name, rate in rates.items() if rate > 0}


class Measured(Serving):
    """Figures of one's own: requests a second that one replica serves within the objective."""

    kind: Literal["measured"] = "measured"
    requests_per_s: dict[GpuName, settings.Positive] = Field(description="GPU -> requests a second of one replica")
    memory_gb: settings.NonNegative = Field(default=0.0, description="memory of a replica")
    input_tokens: settings.Positive | None = Field(default=None, description="mean input tokens a request")
    output_tokens: settings.Positive | None = Field(default=None, description="mean output tokens a request")

    @property
    def tokens(self) -> tuple[float, float] | None:
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens, self.output_tokens

    def memory_gb_per_gpu(self, gpus: int) -> float:
        return self.memory_gb / gpus

    def replica_requests_per_s(self, gpus: int, slo: Slo | None) -> dict[str, float]:
        return dict(self.requests_per_s)


KINDS: dict[str, type[settings.Kind]] = {"llm": Llm, "benchmark": Benchmark, "measured": Measured}
if TYPE_CHECKING:
    AnyServing = Serving
else:
    AnyServing = settings.one_of(KINDS)
