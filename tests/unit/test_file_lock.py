import fcntl
import os
import threading
import time

import pytest

from mlops_ci.file_lock import FileLock, HeldByAnotherError


def test_two_do_not_hold_it_at_once(tmp_path):
    path = tmp_path / "a.lock"
    with FileLock(path):
        with pytest.raises(HeldByAnotherError):
            FileLock(path).acquire(wait=0)
        began = time.monotonic()
        with pytest.raises(HeldByAnotherError):
            FileLock(path).acquire(wait=0.2)
        assert time.monotonic() - began >= 0.2
    with FileLock(path):
        pass


def test_who_waits_gets_it_when_it_is_free(tmp_path):
    path = tmp_path / "a.lock"
    held, order = FileLock(path), []
    held.acquire()

    def wait():
        with FileLock(path):
            order.append("second")

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    order.append("first")
    held.release()
    thread.join(10)
    assert order == ["first", "second"]


def test_it_is_flock_so_others_who_lock_the_file_are_kept_out_too(tmp_path):
    path = tmp_path / "a.lock"
    with FileLock(path), path.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(HeldByAnotherError):
            FileLock(path).acquire(wait=0)


def test_the_same_object_does_not_take_it_twice_and_lets_go_twice(tmp_path):
    lock = FileLock(tmp_path / "a.lock")
    lock.acquire()
    with pytest.raises(HeldByAnotherError):
        lock.acquire()
    lock.release()
    lock.release()


def test_a_file_that_was_deleted_meanwhile_is_no_lock(tmp_path, monkeypatch):
    path = tmp_path / "a.lock"
    flock, once = fcntl.flock, [True]

    def deleted_under_us(descriptor, how):
        flock(descriptor, how)
        if once:
            once.clear()
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", deleted_under_us)
    lock = FileLock(path)
    lock.acquire()
    assert path.exists(), "what is held is the file that others see"
    with pytest.raises(HeldByAnotherError):
        FileLock(path).acquire(wait=0)
    lock.release()


def test_a_child_does_not_inherit_it(tmp_path):
    lock = FileLock(tmp_path / "a.lock")
    lock.acquire()
    assert not os.get_inheritable(lock._descriptor)
    lock.release()
