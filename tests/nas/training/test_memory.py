"""Freed memory that stays with the process: seen in the page faults of a process of its own."""

import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import torch
from nas.training.memory import retain_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    # Each is larger than what glibc ever keeps in its heap by itself; they are freed together.
    kept = [torch.ones(10_000_000) for _ in range(4)]

if sys.argv[1] == "retain":
    assert retain_freed_memory()
for _ in range(10):  # the heap grows until everything finds its place
    step()
before = faults()
for _ in range(10):
    step()
print((faults() - before) / 10)
"""


def faults_a_step(how: str) -> float:
    command = [sys.executable, "-c", COUNT_FAULTS, how]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a switch of glibc")
def test_a_step_that_allocates_what_the_last_one_freed_faults_no_pages() -> None:
    pages = 160_000_000 / 4096
    assert faults_a_step("as it is") > pages / 2
    assert faults_a_step("retain") < pages / 20
