"""The record: one order for operations and marks, whoever adds them."""

from __future__ import annotations

from threading import Thread

from bench.faults import Record, Write


def test_the_marks_before_a_boundary_are_those_among_its_operations() -> None:
    record = Record()
    record.mark("a")
    record.add(Write("f", 0, b"x"))
    assert record.mark("b") == 2

    assert record.marks() == [(0, "a"), (2, "b")]
    assert record.marks_before(0) == []
    assert record.marks_before(1) == ["a"]
    assert record.marks_before(2) == ["a"]
    assert record.marks_before(3) == ["a", "b"]
    assert record.last_mark_before(0) is None
    assert record.last_mark_before(2) == "a"
    assert repr(record) == "<Record of 3 operations, 2 of them marks>"


def test_marks_of_one_thread_keep_their_order_among_those_of_others() -> None:
    record = Record()

    def work(who: int) -> None:
        for n in range(2000):
            record.add(Write("f", n, b"x"))
            record.mark((who, n))

    threads = [Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    marks = record.marks_before(len(record))
    assert len(record) == 16_000
    assert [place for place, _ in record.marks()] == sorted(place for place, _ in record.marks())
    for who in range(4):
        assert [mark for mark in marks if isinstance(mark, tuple) and mark[0] == who] == [(who, n) for n in range(2000)]
