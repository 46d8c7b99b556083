"""Frames survive any cut."""

from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.guest import frames

FRAMES = st.lists(st.one_of(st.binary().map(frames.typed), st.just(frames.sized(24, 80))), max_size=6)


@given(parts=FRAMES, cut=st.integers(1, 7))
def test_wherever_the_pieces_begin_the_frames_come_out(parts, cut):
    data, reader = b"".join(parts), frames.FrameReader()
    found = [one for start in range(0, len(data), cut) for one in reader.feed(data[start : start + cut])]
    assert [frames.HEADER.pack(kind, len(content)) + content for kind, content in found] == parts


def test_a_size_beyond_what_a_terminal_can_say_is_cut():
    ((kind, content),) = frames.FrameReader().feed(frames.sized(70_000, 80))
    assert kind == frames.SIZE
    assert frames.DIMENSIONS.unpack(content) == (65_535, 80)
