"""Text from outside stays text, wherever Markdown is made of it."""

from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.fanout_failures import Trouble, Troubles
from stocks_pipeline.markup import code_block, escape
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline_tests.markdown import NASTY, cells, inert, shown


@given(text=NASTY)
def test_no_text_opens_anything(text: str) -> None:
    """Security: no column, tag, link, image, emphasis or code, and no second line."""
    assert inert(escape(text))
    assert len(cells(f"|{escape(text)}|")) == 1


@given(text=st.text(alphabet="ab|\\<>&[]*~", max_size=20))
def test_escaping_changes_nothing_that_a_reader_sees(text: str) -> None:
    """Honesty: the message reads as the vendor wrote it."""
    assert shown(escape(text)) == text


def test_links_images_and_emphasis_are_dead() -> None:
    """Security: the known ways to do something in a reader's browser."""
    assert inert(escape("[click](javascript:alert(1)) ![i](http://x.test/p.png) *loud* ~~gone~~ \\| <b> `rm`"))
    assert not inert("[click](javascript:alert(1))"), "and the reader of this test sees one that is alive"
    assert not inert("\\\\[click](javascript:alert(1))"), "an escaped backslash escapes nothing"


def test_nothing_is_a_dash() -> None:
    """Honesty: a missing value is shown as missing, zero as zero."""
    assert (escape(None), escape(0), escape("")) == ("—", "0", "")


@given(text=NASTY)
def test_no_text_ends_its_code_block(text: str) -> None:
    """Security: a traceback that quotes the vendor stays code to its end."""
    assert code_block(text).count("`") == 6


@given(key=NASTY, message=NASTY, next_step=NASTY)
def test_a_row_of_the_failure_table_has_its_columns(key: str, message: str, next_step: str) -> None:
    """Security, E19: whatever a vendor says of a failure, its row has five inert cells."""
    row = Trouble(key, "transient", message, 4, next_step).row()
    assert len(cells(row)) == 5
    assert inert(row)


@given(message=NASTY)
def test_the_failure_table_has_its_rows(message: str) -> None:
    """Security, E19: two heading lines and one for each failure, whatever they say."""
    troubles = Troubles(lambda _: None)
    troubles.add("k1", UpstreamError(FailureKind.TRANSIENT, "yahoo", "k1", message))
    troubles.add("k2", ValueError(message))
    failure = troubles.failure(2, [], 0)
    assert failure is not None
    lines = str(failure.metadata["failures"].value).split("\n")
    assert [len(cells(line)) for line in lines] == [5, 5, 5, 5]
    assert all(inert(line) for line in lines[2:])
    assert str(failure.metadata["first_bug"].value).count("`") == 6
