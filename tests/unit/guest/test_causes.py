"""The reason for a failure in the program's own words."""

import pytest

from mlops_ci.guest.output.causes import exception_of, last_line

WORK = "/mlops/work"


def test_the_innermost_frame_of_the_projects_own_code():
    lines = """noise
Traceback (most recent call last):
  File "/mlops/work/train.py", line 30, in <module>
    main()
  File "/mlops/work/nets/blocks.py", line 7, in forward
    return self.linear(x)
  File "/usr/lib/python3/torch/nn/linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)
RuntimeError: mat1 and mat2 shapes cannot be multiplied
more noise""".splitlines()
    assert exception_of(lines, WORK) == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (nets/blocks.py:7)"


def test_the_last_of_a_chain():
    lines = """Traceback (most recent call last):
  File "train.py", line 1, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "train.py", line 3, in <module>
ValueError: no column x""".splitlines()
    assert exception_of(lines, WORK) == "ValueError: no column x (train.py:3)"


def test_a_rank_of_torchrun_rather_than_torchrun_itself():
    lines = """[rank1]: Traceback (most recent call last):
[rank1]:   File "/mlops/work/train.py", line 9, in main
[rank1]:     raise ValueError("bad")
[rank1]: ValueError: bad
Traceback (most recent call last):
  File "/usr/bin/torchrun", line 8, in <module>
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================""".splitlines()
    assert exception_of(lines, WORK) == "ValueError: bad (train.py:9)"


def test_a_data_loaders_original_error():
    lines = """Traceback (most recent call last):
  File "/mlops/work/train.py", line 9, in <module>
    for batch in loader:
RuntimeError: Caught OSError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/usr/lib/torch/worker.py", line 300, in _worker_loop
    data = fetcher.fetch(index)
  File "/mlops/work/data.py", line 5, in __getitem__
    raise OSError("gone")
OSError: gone""".splitlines()
    assert exception_of(lines, WORK) == "OSError: gone (data.py:5)"


def test_a_program_that_cannot_be_compiled():
    lines = """  File "/mlops/work/train.py", line 3
    def f(:
          ^
SyntaxError: invalid syntax""".splitlines()
    assert exception_of(lines, WORK) == "SyntaxError: invalid syntax (train.py:3)"


@pytest.mark.parametrize(
    "text",
    ["", "ValueError: only a word", "Traceback (most recent call last):", "Traceback (most recent call last):\n  File"],
)
def test_no_exception(text):
    assert exception_of(text.splitlines(), WORK) is None


def test_the_last_line_that_says_something():
    assert last_line(["a", " b ", "", "  "]) == "b"
    assert last_line([]) == ""
