"""Where figures come from, in Chinese: the notes of the scenarios that are shipped, and what recurs in anybody's notes.

A note that a user wrote stays in the user's words; in it the word for an assumption, months and the sentence of an
estimated list price are translated. Names of sources (files, companies, models) are names and stay.
"""

# ruff: noqa: E501 - a sentence stays on one line

from __future__ import annotations

import re
from collections.abc import Callable

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
NOTES: dict[str, str] = {
    "assumption": "假设",
    "assumption, a support desk of a million tickets a day": "假设：每天一百万张工单的客服台",
    "assumption, around the preset's published run": "假设：围绕预设所依据的已发表训练",
    "assumption, near the sweeps of the Philly trace": "假设：接近 Philly 记录中的参数搜索",
    "that of the preset vision-train": "取自预设 vision-train",
    "assumption; a business line sleeps at night and at weekends": "假设：企业业务在夜间和周末停歇",
    "assumption; a young company pays 10 to 30 %": "假设：年轻公司付 10% 到 30%",
    "an assumption; published 4-bit models lie at 1.0227 with a standard error of 0.0043":
        "假设：已发表的 4 位模型为 1.0227，标准误 0.0043",
    "AWS g4dn.xlarge list price, from memory": "AWS g4dn.xlarge 标价，凭记忆",
    "GCP list price of a V100, from memory": "GCP 的 V100 标价，凭记忆",
    "DistilBERT, 90 h on 8 V100 (transformers README), 97 % of the quality kept":
        "DistilBERT，8 块 V100 上 90 小时（transformers README），保留 97% 的质量",
    "Llama-3.1-8B; half a page of context and short answers, an assumption":
        "Llama-3.1-8B；半页上下文和简短回答为假设",
    "round figure of on-demand H100 of small clouds, March 2026": "小型云按需 H100 的约数，2026 年 3 月",
    "NVIDIA, December 2024 (price, power); a gigabyte for the system, visits and life are assumptions":
        "NVIDIA，2024 年 12 月（价格、功率）；系统占 1 GB、上门维护和使用年限为假设",
    "19 tokens a second (NVIDIA, December 2024, Llama-3.1-8B int4), so 3.2 s for 60 tokens and 3.5 s kept for the "
    "prefill of 600 and for waiting":
        "每秒 19 个词元（NVIDIA，2024 年 12 月，Llama-3.1-8B int4），故 60 个词元需 3.2 秒，另留 3.5 秒用于 600 个词元的预填充和等待",
    "GPTQ takes 0.2 GPU-hours for this size; a day of evaluation on 8 GPU-hours is an assumption":
        "GPTQ 处理此规模需 0.2 GPU 小时；一天评测用 8 GPU 小时为假设",
    "preset, QLoRA abstract; sizes and deadline are assumptions": "预设，QLoRA 摘要；规模和期限为假设",
    "preset, DistilBERT README and card; the memory of the card is an assumption":
        "预设，DistilBERT README 和模型卡；显存为假设",
    "preset, Llama 3 70B shape; lengths of Azure's conversation trace": "预设，Llama 3 70B 的结构；长度取自 Azure 的对话记录",
    "packaged catalogue, CoreWeave price list": "随附价目表，CoreWeave 标价",
    "packaged catalogue, mean of 30 days up to 2026-08-03; it does not move": "随附价目表，截至 2026-08-03 的 30 天均值；保持不变",
    "measured spells of 16 H100 in one zone of another provider": "另一供应商某区 16 块 H100 的实测可用时段",
    "packaged catalogue, AWS price list of 2026-08-03": "随附价目表，2026-08-03 的 AWS 标价",
    "packaged catalogue, AWS price list of 2026-08-03; eu-west-1 estimated from us-east-1":
        "随附价目表，2026-08-03 的 AWS 标价；eu-west-1 由 us-east-1 估算",
    "packaged catalogue, GCP price list of 2026-07-30": "随附价目表，2026-07-30 的 GCP 标价",
    "packaged catalogue, one-year standard reservation, 2026-08-03": "随附价目表，一年期标准预留，2026-08-03",
    "packaged table of edge devices; lines and visits are assumptions": "随附的边缘设备表；线路和上门维护为假设",
    "market quote for one-year H100, March 2026": "一年期 H100 的市场报价，2026 年 3 月",
    "illustrative, to be replaced by a dated price list": "示例，应换成有日期的价目表",
    "nnU-Net, documentation/expected_epoch_times.md; deadline and its value are assumptions":
        "nnU-Net，documentation/expected_epoch_times.md；期限及其价值为假设",
    "rounds, model size and seconds an image are assumptions; spread of rounds measured on the reference network":
        "轮数、模型大小和每张图像的秒数为假设；轮数的波动在参考网络上测得",
    "preset, NVIDIA DeepLearningExamples wav2vec2 README": "预设，NVIDIA DeepLearningExamples 的 wav2vec2 README",
    "preset, NVIDIA DeepLearningExamples ResNet-50 README; ImageNet-sized data":
        "预设，NVIDIA DeepLearningExamples 的 ResNet-50 README；数据规模如 ImageNet",
    "preset; MLPerf ResNet-50 rates, a small network as a share of them": "预设；MLPerf 的 ResNet-50 速率，小网络按其比例",
    "fitted on AWS spot history up to 2025-12-31": "由截至 2025-12-31 的 AWS 竞价历史拟合",
    "measured spells of 16 H100 in one European zone of another provider": "另一供应商欧洲某区 16 块 H100 的实测可用时段",
    "measured spells of single V100 in one zone, 2023": "某区单块 V100 的实测可用时段，2023 年",
    "wav2vec2-base fine-tuning of the preset; size, deadline and its price are assumptions":
        "预设中的 wav2vec2-base 微调；规模、期限及其价格为假设",
    "fitted on two startup-sized tenants of the Philly trace (2017)": "由 Philly 记录（2017 年）中两个初创规模的租户拟合",
    "shape of a day from public serving traces; level and growth are assumptions":
        "一天的形状取自公开的服务记录；水平和增长为假设",
    "419 unexpected failures in 54 days on 16,384 H100 (Meta, 2024)": "16,384 块 H100 在 54 天内 419 次意外故障（Meta，2024 年）",
    "HGX H100, Epoch, July 2024": "HGX H100，Epoch，2024 年 7 月",
    "8 x A100 server, Epoch, March 2025": "8 x A100 服务器，Epoch，2025 年 3 月",
    "US industrial mean of 2025, EIA": "2025 年美国工业电价均值，EIA",
    "CBRE, end of 2024, for 250-500 kW": "CBRE，2024 年底，250 至 500 kW",
    "list price of the device": "设备标价",
    "AWS S3 standard, us-east-1": "AWS S3 标准存储，us-east-1",
    "published perplexities of AWQ at 4 bits; packaged tables": "已发表的 AWQ 4 位困惑度；随附表格",
}  # fmt: skip


def _month(found: re.Match[str]) -> str:
    return f"{found[2]} 年 {MONTHS.index(found[1]) + 1} 月"


_PARTS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (
        re.compile(r"(\S+) is not listed with it, the median of (\d+) other prices is ([0-9.]+) times as high"),
        r"\1 没有列出该规格，其他 \2 个价格的中位数是 \3 倍",
    ),
    (re.compile(rf"\b({'|'.join(MONTHS)}) ((?:19|20)[0-9]{{2}})\b"), _month),
    (re.compile(r"^(?:an )?assumptions?\b[,;:]? ?", re.I), "假设："),
    (re.compile(r"\b(?:is|are) (?:an )?assumptions?\b", re.I), "为假设"),
    (re.compile(r"\bfrom memory\b", re.I), "凭记忆"),
    (re.compile(r"\bprice list\b", re.I), "价目表"),
    (re.compile(r"; "), "；"),
]


def chinese(note: str) -> str:
    """A note in Chinese where it is known, else with what recurs translated and the rest as it was written.

    >>> chinese("assumption"), chinese("AWS, March 2026"), chinese("my own; level is an assumption")
    ('假设', 'AWS, 2026 年 3 月', 'my own；level 为假设')
    """
    known = NOTES.get(note.strip())
    if known is not None:
        return known
    for pattern, words in _PARTS:
        note = pattern.sub(words, note)
    return note.removesuffix("：")


def chinese_date(date: str) -> str:
    """A date as an assumption has it: a month in words in Chinese, a year with its word, digits as they are.

    >>> chinese_date("March 2026"), chinese_date("2017"), chinese_date("2026-08-03")
    ('2026 年 3 月', '2017 年', '2026-08-03')
    """
    found = re.fullmatch(rf"({'|'.join(MONTHS)}) ([0-9]{{4}})", date)
    if found:
        return _month(found)
    return f"{date} 年" if re.fullmatch(r"[0-9]{4}", date) else date
