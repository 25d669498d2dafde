"""Section `board_load`: a thousand boards that ask for work every five seconds, and all of them at once."""

import json
import random
import time
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from benchmarks.figures import Figure
from benchmarks.http_load import Asked, ask_all
from benchmarks.service_at_work import Boarded, free_port, registered, served_apart
from nas.settings import Settings
from nas.store.stores import opened_stores

EVERY_S: Final = 5.0


def run(home: Path, quick: bool) -> list[Figure]:
    """Have boards ask; look at how long answers take and what that costs the service."""
    count, rounds = (100, 2) if quick else (1_000, 6)
    settings, port = Settings(home=home / "board_load"), free_port()
    with opened_stores(settings) as stores:
        boards = [registered(stores, f"board{number}") for number in range(count)]
    with served_apart(settings.home, port) as pid:
        ask_all(port, _requests(boards, 1), at_once=50)
        process = psutil.Process(pid)
        before, began = sum(process.cpu_times()[:2]), time.perf_counter()
        steady = ask_all(port, _requests(boards, rounds), at_once=1_000)
        share = (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began)
        began = time.perf_counter()
        storm = ask_all(port, [_asked(one, 0.0) for one in boards], at_once=200)
        absorbed = time.perf_counter() - began
    refused = sum(one.status != 200 for one in (*steady, *storm))
    millis = [1000 * one.seconds for one in steady]
    told = f"{count} boards, {len(steady)} requests, median {np.median(millis):.3g} ms"
    return [
        Figure("an answer, 99th percentile", float(np.percentile(millis, 99)), "ms", "<=", 50, told),
        Figure("of a core", share, "", "<=", 0.3, f"while each asks every {EVERY_S:g} s"),
        Figure("all at once are answered", absorbed, "s", "<=", 30, f"{count} boards"),
        Figure("refused", refused, "", "<=", 0),
    ]


def _requests(boards: list[Boarded], rounds: int) -> list[Asked]:
    rng = random.Random(0)
    starts = [rng.uniform(0.0, EVERY_S) for _ in boards]
    return [
        _asked(one, start + EVERY_S * number)
        for number in range(rounds)
        for one, start in zip(boards, starts, strict=True)
    ]


def _asked(one: Boarded, at_s: float) -> Asked:
    body = {"instance": one.agent.instance, "number": 1, "clock_s": time.time()}
    return Asked("leases", one.key, json.dumps(body).encode(), at_s)
