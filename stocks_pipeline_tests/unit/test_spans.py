"""A choice of partitions becomes ranges that cover exactly it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.defs.spans import span_tags, spans


@given(st.lists(st.text("ABC", min_size=1), unique=True, max_size=12), st.data())
def test_spans_cover_exactly_what_was_chosen(order: list[str], data: st.DataObject) -> None:
    """No key is added, none is lost, each range is contiguous, and no two could be one."""
    chosen = data.draw(st.sets(st.sampled_from(order))) if order else set()
    runs = spans(order, chosen)
    assert [key for run in runs for key in run] == [key for key in order if key in chosen]
    places = [[order.index(key) for key in run] for run in runs]
    assert all(place == list(range(place[0], place[-1] + 1)) for place in places)
    assert all(a[-1] + 1 < b[0] for a, b in pairwise(places))


@given(st.lists(st.text("ABC", min_size=1), unique=True, max_size=12), st.data())
def test_spans_reach_across_what_is_made(order: list[str], data: st.DataObject) -> None:
    """Only a key that is neither chosen nor made cuts a range; the chosen are all there, and nothing else is named."""
    chosen = data.draw(st.sets(st.sampled_from(order))) if order else set()
    made = data.draw(st.sets(st.sampled_from(order))) if order else set()
    runs = spans(order, chosen, made)
    assert [key for run in runs for key in run] == [key for key in order if key in chosen]
    places = [[order.index(key) for key in run] for run in runs]
    within = [set(order[place[0] : place[-1] + 1]) for place in places]
    assert all(keys <= chosen | made for keys in within)
    between = [order[a[-1] + 1 : b[0]] for a, b in pairwise(places)]
    assert all(set(keys) - chosen - made for keys in between)


def test_one_key_is_a_partition_and_several_are_a_range() -> None:
    """Dagster's own single-partition tag is used where one key is meant, so the UI shows it as such."""
    assert span_tags("a", "a") == {"dagster/partition": "a"}
    assert set(span_tags("a", "b")) == {"dagster/asset_partition_range_start", "dagster/asset_partition_range_end"}
