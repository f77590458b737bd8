"""The ledger's tables: rows of whole numbers that go to another process and come back."""

from __future__ import annotations

import pickle

import pytest

from marketsim.ledger import TABLES, Ledger, Table


def test_rows_are_kept_in_the_order_they_were_written_in() -> None:
    table = Table("released")
    width = len(TABLES["released"])
    for start in (5, 2):
        table.write(tuple(range(start, start + width)))
    assert len(table) == 2
    assert table.rows().tolist() == [list(range(5, 5 + width)), list(range(2, 2 + width))]
    assert table.column(TABLES["released"][0]).tolist() == [5, 2]
    assert table.frame()[TABLES["released"][-1]].tolist() == [4 + width, 1 + width]


def test_a_ledger_goes_to_another_process_whole_and_can_be_written_on() -> None:
    ledger = Ledger(policy="p", horizon_s=9)
    row = tuple(range(len(TABLES["started"])))
    ledger.started.write(row)
    again = pickle.loads(pickle.dumps(ledger))
    assert (again.policy, again.horizon_s) == ("p", 9)
    assert {name: table.rows().tolist() for name, table in again.tables.items()} == {
        name: table.rows().tolist() for name, table in ledger.tables.items()
    }
    again.started.write(row)
    assert (len(again.started), len(ledger.started)) == (2, 1)


def test_a_ledger_begins_with_nothing() -> None:
    empty = Ledger()
    assert (empty.horizon_s, empty.end_s, empty.insolvent_s, empty.unpriced_jobs, empty.reasons) == (0, 0, None, 0, [])
    assert set(empty.tables) == set(TABLES)
    assert not any(len(table) for table in empty.tables.values())


def test_a_table_that_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = Ledger().nothing
