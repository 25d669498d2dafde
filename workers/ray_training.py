"""One training on several workers: seats together, all of them watched, one error for all."""

import secrets
from collections.abc import Iterator
from typing import Any, Final, final

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from nas.task_events import Event
from nas.tasks import TrainNetwork
from search_spaces.errors import ComputeError, HwnasError, UsageError
from workers.ray_errors import translated
from workers.ray_messages import Seat, Workshop
from workers.ray_remote import share_remotely

CAUSE_S: Final = 5.0
"""When a worker misses another one, for so long that one's own error is waited for."""


@final
class SharedTraining:
    """A training whose batches several workers share.

    Raises:
        UsageError: `too_many_workers` where there will never be so many processors.
    """

    def __init__(self, task: TrainNetwork, workshop: Workshop, num_cpus: int) -> None:
        if task.num_workers > num_cpus:
            raise UsageError(
                "too_many_workers",
                f"{task.num_workers} workers cannot train on {num_cpus} processors: set "
                "HWNAS_TRAINING_WORKERS to as many at most",
            )
        self._task = task
        self._workshop = workshop
        self._key = secrets.token_bytes(32)
        # All processors at once: trainings that each hold a part of theirs would wait for each other.
        self._seats = placement_group([{"CPU": 1}] * task.num_workers)
        self._streams: list[Any] = []

    def events(self) -> Iterator[Event]:
        """Yield what the first worker says."""
        ray.get(self._seats.ready())
        first = self._sit(0, None)
        address = ray.get(next(first))
        others = [self._sit(rank, address) for rank in range(1, self._task.num_workers)]
        watched = [other.completed() for other in others]
        try:
            yield from self._said(first, watched)
        except Exception as error:
            raise self._cause(translated(error), watched) from error
        remove_placement_group(self._seats)

    def cancel(self) -> None:
        """End all workers."""
        for stream in self._streams:
            ray.cancel(stream, force=True)
        remove_placement_group(self._seats)

    def _sit(self, rank: int, address: Any) -> Any:
        seat = Seat(rank, self._task.num_workers, self._key, address)
        placed = PlacementGroupSchedulingStrategy(self._seats, placement_group_bundle_index=rank)
        stream = share_remotely.options(scheduling_strategy=placed).remote(self._task, self._workshop, seat)
        self._streams.append(stream)
        return stream

    @staticmethod
    def _said(first: Any, watched: list[Any]) -> Iterator[Event]:
        """Yield what the first says; raise what any of the others raises."""
        running = list(watched)
        while True:
            streams: list[Any] = [first, *running]
            (ready,), _ = ray.wait(streams, num_returns=1)
            if ready not in running:
                try:
                    said = next(first)
                except StopIteration:
                    return
                yield ray.get(said)
            else:
                running.remove(ready)
                ray.get(ready)

    @staticmethod
    def _cause(error: HwnasError, watched: list[Any]) -> HwnasError:
        """Return the error of the worker that is gone, rather than of one that misses it."""
        if not isinstance(error, ComputeError) or error.fault != "lost_node":
            return error
        ended, _ = ray.wait(watched, num_returns=len(watched), timeout=CAUSE_S)
        for one in ended:
            try:
                ray.get(one)
            except Exception as raised:  # noqa: BLE001 - any of them is better than that it is missed
                found = translated(raised)
                if not isinstance(found, ComputeError) or found.fault != "lost_node":
                    return found
        return error
