import os
import sys

from latency_predictors.child_process import ChildEnded, run_child, without_secrets


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


def test_secrets_stay_with_whoever_has_them() -> None:
    given = {
        "HWNAS_DATABASE_URL": "postgresql://u:p@h/n",
        "PGPASSWORD": "p",
        "HWNAS_KEY": "k",
        "PATH": "/bin",
    }
    assert without_secrets(given) == {"PATH": "/bin"}
