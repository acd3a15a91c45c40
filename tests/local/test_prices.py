"""What the servers' candles and price points are made of: how values went, minute by minute."""

from local.venues.prices import MinuteSeries, Span

MINUTE = 60_000


def series(*records):
    found = MinuteSeries()
    for at_ms, value in records:
        found.record(at_ms, value)
    return found


def test_what_was_recorded_within_some_minutes():
    found = series((0, 5), (1, 9), (MINUTE, 2), (5 * MINUTE, 7))
    assert found.recorded(0, MINUTE) == Span(5, 9, 5, 9)
    assert found.recorded(0, 5 * MINUTE) == Span(5, 9, 2, 2)
    assert found.recorded(2 * MINUTE, 5 * MINUTE) is None
    assert found.recorded(5 * MINUTE, 6 * MINUTE) == Span(7, 7, 7, 7)


def test_what_was_in_force_begins_with_the_value_before():
    found = series((MINUTE, 5), (2 * MINUTE, 9), (2 * MINUTE + 1, 3))
    assert found.in_force(0, MINUTE) is None
    assert found.in_force(0, 2 * MINUTE) == Span(5, 5, 5, 5)
    assert found.in_force(2 * MINUTE, 3 * MINUTE) == Span(5, 9, 3, 3)
    assert found.in_force(10 * MINUTE, 11 * MINUTE) == Span(3, 3, 3, 3)


def test_the_value_at_a_minutes_beginning_is_none_of_that_minute():
    found = series((MINUTE, 5), (2 * MINUTE, 9))
    assert [found.before(number * MINUTE) for number in range(4)] == [None, None, 5, 9]
