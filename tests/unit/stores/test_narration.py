"""Progress of a transfer as an activity shows it."""

from mlops_ci.console import Console
from mlops_ci.progress import activity
from mlops_ci.stores.base import Progress
from mlops_ci.stores.narration import shown
from support.heard import Heard


def told(progress):
    sink = Heard(live=True)
    with activity(Console(sink=sink), "fetching") as fetching:
        shown(fetching)(progress)
        fetching.show()
    return sink.statuses[0]


def test_bytes_are_the_part_and_files_the_words():
    status = told(Progress(files=1, bytes=10 * 10**6, total_files=3, total_bytes=40 * 10**6))
    assert (status.fraction, status.detail) == (0.25, "1 of 3 files, 10 of 40 MB")


def test_empty_files_have_no_part():
    assert told(Progress(files=1, bytes=0, total_files=2, total_bytes=0)).fraction is None
