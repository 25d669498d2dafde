"""Buffers and where they lie, worked out by hand."""

from latency_predictors.arena_plan import Graph, Step

SMALL, LARGE = (64, 1, 1), (256, 1, 1)
"""256 bytes and 1 KiB of floats, a quarter of that of integers."""


def graph(*steps: Step) -> int:
    made = Graph()
    for step in steps:
        made.append(step)
    return made.region_bytes()


def test_the_last_tensor_is_the_callers() -> None:
    assert graph(Step((), SMALL)) == 0
    assert graph(Step((), SMALL), Step((0,), LARGE)) == 256


def test_a_buffer_is_taken_again_for_the_same_shape_and_type_only() -> None:
    end = Step((3,), SMALL)
    chain = [Step((), LARGE), Step((0,), SMALL), Step((1,), LARGE)]
    assert graph(*chain, Step((2,), SMALL), end) == 1024 + 256
    # Integers of that shape get a buffer of their own, which fits where the first one was.
    other = Step((1,), LARGE, value_bytes=1)
    assert graph(*chain[:2], other, Step((2,), SMALL), end) == 1024 + 256
    both = [Step((), LARGE), Step((0,), LARGE, value_bytes=1), Step((0, 1), SMALL), Step((2,), LARGE)]
    assert graph(*both, Step((3,), SMALL)) == 1024 + 256 + 256


def test_a_kernel_writes_over_what_nobody_else_needs() -> None:
    assert graph(Step((), LARGE), Step((0,), LARGE, onto=0), Step((1,), SMALL)) == 1024
    shared = [Step((), LARGE), Step((0,), LARGE, onto=0), Step((0, 1), SMALL)]
    assert graph(*shared, Step((2,), SMALL)) == 2 * 1024 + 256
