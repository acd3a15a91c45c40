"""A wrong clock must be seen, and a slow answer or a coarse clock must not be taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.skew import ClockReading, SkewVerdict, certain_skew, judge

NOW = 1_795_000_000_000


@given(
    skew=st.integers(-10_000, 10_000),
    sent=st.integers(NOW, NOW + 5_000),
    there=st.integers(0, 3_000),
    back=st.integers(0, 3_000),
    resolution=st.sampled_from([1, 1_000]),
)
def test_never_more_than_the_true_skew_and_short_of_it_by_round_trip_and_resolution_at_most(
    skew: int, sent: int, there: int, back: int, resolution: int
) -> None:
    shown = (sent + there + skew) // resolution * resolution
    certain = certain_skew(ClockReading(shown, sent, sent + there + back, resolution))
    assert certain * skew >= 0
    assert abs(skew) - (there + back) - (resolution - 1) <= abs(certain) <= abs(skew)


@pytest.mark.parametrize(
    ("skew_ms", "verdict"),
    [
        (0, SkewVerdict.FINE),
        (1_000, SkewVerdict.FINE),
        (1_001, SkewVerdict.WARN),
        (-1_001, SkewVerdict.WARN),
        (3_000, SkewVerdict.WARN),
        (3_001, SkewVerdict.STOP),
        (-3_001, SkewVerdict.STOP),
    ],
)
def test_over_a_second_warns_and_over_three_stops_either_way(skew_ms: int, verdict: SkewVerdict) -> None:
    assert judge(skew_ms) is verdict
