"""The queue: in order of the rule's key, a line for each class of need, so that one that does not fit is left alone."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any

from marketsim.engine.state import WAITING, JobState

Entry = tuple[Any, int, int, JobState]  # key, job number, ticket, job


class Waiting:
    """Jobs that wait. A job that left is dropped when its entry comes to the head: its ticket no longer fits."""

    __slots__ = ("_asleep", "_lines", "by_class", "count")

    def __init__(self, by_class: bool) -> None:
        self.by_class = by_class
        self.count = 0
        self._lines: dict[int, list[Entry]] = {}
        self._asleep: list[tuple[int, Entry]] = []  # until when; a heap

    def push(self, job: JobState, key: Any) -> None:
        """Put a job in its line."""
        job.ticket += 1
        self.count += 1
        self._enter((key, job.id, job.ticket, job))

    def _line_of(self, job: JobState) -> int:
        """Jobs whose waiting budget has ended stand in a line of their own: more places are open to them."""
        return 2 * job.need_index + job.budget_ended if self.by_class else 0

    def leave(self, job: JobState) -> None:
        """Count a job out; its entry goes stale."""
        job.ticket += 1
        self.count -= 1

    def head(self, line: int = 0) -> Entry | None:
        """The first of a line that still waits, None where nobody does."""
        entries = self._lines.get(line)
        while entries:
            entry = entries[0]
            if entry[2] == entry[3].ticket and entry[3].phase == WAITING:
                return entry
            heappop(entries)
        return None

    def set_aside(self, line: int) -> Entry:
        """Take the head of a line out, to be put back after the pass."""
        return heappop(self._lines[line])

    def sleep(self, line: int, until_s: int) -> None:
        """Take the head of a line out until a time."""
        heappush(self._asleep, (until_s, heappop(self._lines[line])))

    def wake(self, now_s: int) -> None:
        """Put those back whose time has come."""
        asleep = self._asleep
        while asleep and asleep[0][0] <= now_s:
            entry = heappop(asleep)[1]
            if entry[2] == entry[3].ticket and entry[3].phase == WAITING:
                self._enter(entry)

    def put_back(self, entries: list[Entry]) -> None:
        """Put entries that were set aside back in their lines."""
        for entry in entries:
            self._enter(entry)

    def _enter(self, entry: Entry) -> None:
        """Put an entry in its line, which has gone where it stood empty when the heads were last listed."""
        heappush(self._lines.setdefault(self._line_of(entry[3]), []), entry)

    def heads(self) -> list[tuple[Any, int, int]]:
        """(key, job number, line) of the head of every line, as a heap."""
        heads = []
        for line in list(self._lines):
            entry = self.head(line)
            if entry is None:
                del self._lines[line]
            else:
                heads.append((entry[0], entry[1], line))
        heapify(heads)
        return heads

    def in_order(self) -> list[JobState]:
        """All that wait, in queue order."""
        entries = [
            entry
            for line in (*self._lines.values(), [one for _, one in self._asleep])
            for entry in line
            if entry[2] == entry[3].ticket and entry[3].phase == WAITING
        ]
        return [entry[3] for entry in sorted(entries, key=lambda entry: entry[:2])]
