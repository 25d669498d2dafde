"""A process that is gone is known to be, and no other is."""

import subprocess
import sys

import psutil

from workers.host import host_identity, known_dead, own_facts


def test_this_process_lives() -> None:
    assert not known_dead(own_facts())


def test_a_process_that_was_killed_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        facts = {**own_facts(), "pid": child.pid, "started": psutil.Process(child.pid).create_time()}
        assert not known_dead(facts)
        child.kill()
        child.wait()
        assert known_dead(facts)


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    started = psutil.Process(child.pid).create_time()
    facts = {**own_facts(), "pid": child.pid, "started": started}
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert known_dead(facts)
    child.wait()


def test_a_number_that_another_process_has_by_now_is_not_the_process() -> None:
    assert known_dead({**own_facts(), "started": 1.0})


def test_nothing_is_known_of_another_machine() -> None:
    facts = {**own_facts(), "host": "elsewhere/0/0", "pid": 2**22 + 1}
    assert not known_dead(facts)
    assert host_identity() == own_facts()["host"]
