"""Known workloads as a scenario would write them; `preset: NAME` fills what is not given.

`SOURCES` says where the figures come from; what it calls assumption was not measured. GPU-hours are published totals of
a run on n GPUs; here they are divided by 1 + sigma (n - 1), because the gang's loss of efficiency is put on again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Preset = Mapping[str, Any]

# interval, cost and restart of checkpoints of a training run: assumption, in the range of published practice
CHECKPOINT = {"every": "1 h", "cost": "2 min", "restart": "5 min"}


def _run(gpu_hours: float, gpus: int, sigma: float, gpu: str, every: str, **more: Any) -> Preset:
    """A training run that took `gpu_hours` in all on `gpus` GPUs, submitted each `every` (an assumption)."""
    instances = max(1, gpus // 8)
    return {
        "arrivals": {"kind": "calendar", "every": every},
        "work_gpu_hours": {"kind": "constant", "value": gpu_hours / (1 + sigma * (gpus - 1))},
        "reference_gpu": gpu,
        "gang": {"kind": "constant", "gpus": gpus // instances, "instances": instances},
        "parallel_sigma": sigma,
        "checkpoint": CHECKPOINT,
        **more,
    }


TRAINING: dict[str, Preset] = {
    "speech-pretrain": _run(384.8, 8, 0.021, "A100-80GB", "90 d", family="speech", memory_gb_per_gpu=80.0,
                            data_gb=61.8, prep_share=0.05),
    "speech-finetune": _run(52.0, 8, 0.083, "A100-80GB", "7 d", family="speech", data_gb=61.8),
    "vision-train": _run(24.0, 8, 0.027, "A100-80GB", "7 d", family="vision", data_gb=145.0, prep_share=0.05),
    "nlp-pretrain-small": _run(768.0, 8, 0.0003, "A100-40GB", "90 d", family="nlp"),
    "nlp-pretrain-7b": _run(184_320.0, 512, 0.0002, "A100-80GB", "365 d", family="nlp", memory_gb_per_gpu=80.0),
    "nlp-distill": _run(720.0, 8, 0.0, "V100", "90 d", family="nlp"),
    "nlp-finetune": _run(2.0, 1, 0.0, "V100", "1 d", family="nlp"),
    "nlp-llm-finetune": _run(24.0, 1, 0.0, "A100-80GB", "7 d", family="nlp", memory_gb_per_gpu=48.0),
    "driving-train": _run(448.0, 8, 0.02, "A100-80GB", "14 d", family="vision", memory_gb_per_gpu=28.0, data_gb=400.0),
    "medical-train": {**_run(13.2, 1, 0.0, "A100-40GB", "30 d", family="vision", data_gb=50.0, prep_share=0.05),
                      "arrivals": {"kind": "calendar", "every": "30 d", "jobs": 5}},
    "finance-train-llm": _run(1_300_000.0, 512, 0.0, "A100-40GB", "730 d", family="nlp"),
    "finance-risk": _run(0.5, 1, 0.0, "T4", "1 d", family="general"),
    "seed-mnist": _run(0.0001, 1, 0.0, "T4", "1 d", family="vision", data_gb=0.047),
}  # fmt: skip

EXPERIMENTS: dict[str, Preset] = {
    "philly-startup": {
        "arrivals": {"kind": "batches", "per_day": 5.75, "batch_mean": 1.6, "week_cycle": "office", "cv": 3.0},
        "work_gpu_hours": {"kind": "mixture", "preset": "philly-startup"},
        "gang": {"kind": "choices", "gpus": [1, 4, 8, 8], "instances": [1, 1, 1, 2],
                 "weights": [0.575, 0.281, 0.096, 0.048]},
    },
    "philly-sweeps": {
        "arrivals": {"kind": "batches", "per_day": 15.0, "batch_mean": 5.19, "week_cycle": "office", "cv": 9.5},
        "run_hours": {"kind": "lognormal", "median": 0.895, "sigma": 2.16},
        "gang": {"kind": "constant", "gpus": 1},
        "batch_similarity": 0.5,
    },
}  # fmt: skip

# a day of chat traffic as ServeGen's m-large service has it, with the token lengths of Azure's conversation trace
_CHAT = {"input_tokens": 1155.0, "output_tokens": 211.0}
_LLAMA_8B = {"parameters_b": 8.03, "layers": 32, "kv_heads": 8, "head_size": 128}
_LLAMA_70B = {"parameters_b": 70.6, "layers": 80, "kv_heads": 8, "head_size": 128}
_CYCLE = {"kind": "cycle", "mean": 1.0, "day_amplitude": 0.5, "weekend": 0.65}

INFERENCE: dict[str, Preset] = {
    "llm-8b-chat": {
        "requests_per_s": _CYCLE,
        "serving": {"kind": "llm", **_LLAMA_8B, **_CHAT},
        "replica_gpus": 1,
        "slo": {"latency_s": 2.0, "share": 0.99},
        "family": "nlp",
    },
    "llm-70b-chat": {
        "requests_per_s": _CYCLE,
        "serving": {"kind": "llm", **_LLAMA_70B, **_CHAT},
        "replica_gpus": 4,
        "slo": {"latency_s": 2.0, "share": 0.99},
        "family": "nlp",
    },
    "speech-transcribe": {
        "requests_per_s": _CYCLE,
        "serving": {"kind": "benchmark", "benchmark": "rnnt", "memory_gb": 10.0},
        "slo": {"latency_s": 1.0, "share": 0.99},
        "family": "speech",
    },
    "vision-classify": {
        "requests_per_s": _CYCLE,
        "serving": {"kind": "benchmark", "benchmark": "resnet50", "memory_gb": 4.0},
        "slo": {"latency_s": 0.2, "share": 0.99},
        "family": "vision",
    },
    "vision-edge": {
        "requests_per_s": _CYCLE,
        "serving": {"kind": "benchmark", "benchmark": "resnet50", "cost_factor": 0.14, "memory_gb": 1.0},
        "slo": {"latency_s": 0.1, "share": 0.99},
        "family": "vision",
    },
    "nlp-classify": {
        "requests_per_s": _CYCLE,
        "serving": {"kind": "benchmark", "benchmark": "bert99", "memory_gb": 4.0},
        "slo": {"latency_s": 0.1, "share": 0.99},
        "family": "nlp",
    },
    "finance-risk": {
        "requests_per_s": _CYCLE,
        "serving": {"kind": "measured", "requests_per_s": {"T4": 2000.0, "L4": 4000.0, "A100-80GB": 8000.0},
                    "memory_gb": 1.0},
        "slo": {"latency_s": 0.05, "share": 0.99},
        "family": "general",
    },
}  # fmt: skip

SOURCES: dict[str, str] = {
    "speech-pretrain": (
        "wav2vec2-base, 400k updates: NVIDIA DeepLearningExamples wav2vec2 README, 48.1 h on 8 A100; "
        "data: openslr/librispeech_asr card; 80 GB and 5 % preparation are assumptions"
    ),
    "speech-finetune": (
        "wav2vec2-base fine-tuned on 960 h: same README, 6.5 h on 8 A100; sigma derived from its throughput"
    ),
    "vision-train": (
        "ResNet-50, 90 epochs mixed precision: NVIDIA DeepLearningExamples resnet50v1.5 README, about 3 h"
        " on 8 A100; ImageNet 138 + 7 GB; 5 % preparation is an assumption"
    ),
    "nlp-pretrain-small": "GPT-2 124M: nanoGPT README, about 4 days on 8 A100 40GB; sigma from MPT scaling figures",
    "nlp-pretrain-7b": "Llama-2-7B: model card, 184,320 A100 GPU-hours for 2T tokens; 512 GPUs are an assumption",
    "nlp-distill": "DistilBERT: Hugging Face README and card, 90 h on 8 V100 16GB",
    "nlp-finetune": (
        "BERT-base on SQuAD: google-research/bert README, a few hours on a GPU; 2 h and the V100 are assumptions"
    ),
    "nlp-llm-finetune": "65B QLoRA: abstract, a single 48 GB GPU; 24 h from memory: assumption",
    "driving-train": (
        "BEVFormer-base on nuScenes: author in BEVFormer issue 101, 56 h on 8 A100, 28 GB; sigma an "
        "assumption. Raw data stays in the vehicle's region: set residency"
    ),
    "medical-train": (
        "nnU-Net 3d_fullres, 5 folds: documentation/expected_epoch_times.md x 1000 epochs; data size an "
        "assumption. Data stay at the hospital: set residency, or federate"
    ),
    "finance-train-llm": "50B domain model: press on BloombergGPT, 1.3 M GPU-hours on 64 x 8 A100 40GB",
    "finance-risk": (
        "tabular risk model, its GPU-hours and its requests a second: assumptions, no published figure found"
    ),
    "seed-mnist": (
        "Dense 128 - Dense 10 on MNIST: 0.5 s of one CPU core measured for 5,000 images; GPU-hours an assumption"
    ),
    "philly-startup": (
        "medians over four startup-sized tenants of the Philly trace (2017, CC-BY-4.0); cv 2.6 to 9.5 there"
    ),
    "philly-sweeps": "tenant ed69ec of the Philly trace (2017, CC-BY-4.0); similarity within a batch an assumption",
    "llm-8b-chat": (
        "Llama-3.1-8B; tokens: Azure LLM inference trace 2023, conversation (CC-BY-4.0), means 1,154.7 "
        "and 211.1; day amplitude and weekend as in the scenario, assumption; shapes of the network from "
        "its paper (from memory)"
    ),
    "llm-70b-chat": "Llama-3.1-70B on 4 GPUs; otherwise as llm-8b-chat",
    "speech-transcribe": (
        "MLPerf inference RNN-T, offline, utterances a second; 10 GB of memory: Whisper large-v2's README"
    ),
    "vision-classify": "MLPerf inference ResNet-50, offline; memory an assumption",
    "vision-edge": (
        "MobileNet v1 1.0: 0.569 of 4.1 G multiply-adds of ResNet-50 (tensorflow/models table; ResNet-50 "
        "from memory), so 0.14 of its cost: assumption"
    ),
    "nlp-classify": "MLPerf inference BERT-99, offline; memory an assumption",
}
