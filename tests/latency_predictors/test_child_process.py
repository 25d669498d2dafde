import os
import sys
import threading
import time

from latency_predictors.child_process import ChildEnded, no_answer, run_child, without_secrets


def answers(program: str, request: str = "", silence_s: float = 20.0) -> list[bytes | ChildEnded]:
    return list(run_child([sys.executable, "-c", program], request, os.environ, silence_s))


def test_lines_come_as_they_were_written() -> None:
    said = answers("import sys; print(sys.stdin.read().upper()); print('two')", "one")
    assert said == [b"ONE", b"two", ChildEnded("ended with status 0", "")]


def test_a_signal_and_the_last_words_are_told() -> None:
    said = answers(
        "import os, sys; print('first\\nlast', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)"
    )
    assert said == [ChildEnded("was ended by signal 9", "last")]


def test_a_silent_child_is_ended() -> None:
    said = answers("import signal; print('here', flush=True); signal.pause()", silence_s=2.0)
    assert said == [b"here", ChildEnded("was silent for 2 s", "")]


def test_a_child_that_never_reads_its_request_does_not_break_the_pipe() -> None:
    assert answers("import os; os._exit(5)", "x" * 10**6) == [ChildEnded("ended with status 5", "")]


def test_a_long_request_arrives_whole() -> None:
    said = answers("import sys; print(len(sys.stdin.read()))", "x" * 10**6)
    assert said == [b"1000000", ChildEnded("ended with status 0", "")]


def test_a_child_that_neither_reads_nor_writes_is_silent_too() -> None:
    before, begun = set(threading.enumerate()), time.monotonic()
    said = answers("import time; time.sleep(60)", "x" * 10**6, silence_s=1.0)
    assert said == [ChildEnded("was silent for 1 s", "")]
    assert time.monotonic() - begun < 30.0
    for thread in set(threading.enumerate()) - before:
        thread.join(30.0)
        assert not thread.is_alive(), "whoever sends ends with the child"


def test_a_child_that_closes_its_output_and_stays_is_silent_too() -> None:
    said = answers("import os, signal; print('here', flush=True); os.close(1); signal.pause()", silence_s=2.0)
    assert said == [b"here", ChildEnded("was silent for 2 s", "")]


def test_what_is_no_answer_is_told_as_people_can_read_it() -> None:
    assert no_answer(b"hello") == ChildEnded("wrote what is no answer", "hello")
    assert no_answer(b"\x00\x1b[2J\xff").last_words == "  [2J\N{REPLACEMENT CHARACTER}"
    assert len(no_answer(b"x" * 10**6).last_words) == 200
    said = answers("import sys; sys.stderr.write('a\\0b')")
    assert said == [ChildEnded("ended with status 0", "a b")]


def test_secrets_stay_with_whoever_has_them() -> None:
    given = {
        "HWNAS_DATABASE_URL": "postgresql://u:p@h/n",
        "PGPASSWORD": "p",
        "HWNAS_KEY": "k",
        "PATH": "/bin",
    }
    assert without_secrets(given) == {"PATH": "/bin"}
