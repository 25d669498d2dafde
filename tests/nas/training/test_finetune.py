from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.data.dataset import Dataset
from nas.evaluation import SubnetEvaluator
from nas.training.batch_norm import recalibrate
from nas.training.events import EpochDone, Trained
from nas.training.finetune import finetune, inherit
from nas.training.options import NO_AUGMENTATION
from nas.training.weights import load_supernet, weight_hash
from search_spaces.base import Space
from search_spaces.catalogue import get_space
from search_spaces.modules.supernet import Supernet
from search_spaces.network import fixed_space, input_shape
from search_spaces.sampling import as_architecture, random_architectures
from tests.nas.training.small_run import small_task


@pytest.mark.parametrize("name", ["mobilenet_v3", "nas_bench_201"])
def test_an_inherited_network_computes_what_the_subnet_computes(name: str) -> None:
    space = get_space(name, preset="tiny", num_classes=4, in_channels=3)
    supernet = Supernet(space, seed=1)
    supernet.set_normalization(torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.2]))
    rng = np.random.default_rng(2)
    for row in random_architectures(space, 5, rng):
        architecture = as_architecture(row)
        images = rng.integers(0, 256, (12, *input_shape(space, architecture))).astype(np.uint8)
        statistics = recalibrate(supernet, architecture, images, NO_AUGMENTATION, 0)
        own = inherit(supernet, architecture)
        floats = torch.from_numpy(images / np.float32(255))
        with torch.inference_mode():
            torch.testing.assert_close(
                own(floats, (), statistics), supernet(floats, architecture, statistics), rtol=0, atol=1e-5
            )


def test_fine_tuning_leaves_the_supernet_alone(
    dataset: Dataset, space: Space, trained: Trained, tmp_path: Path
) -> None:
    supernet = load_supernet(trained.path, space)
    architecture = (1, 0, 1)
    task = replace(small_task(tmp_path), options=replace(small_task(tmp_path).options, epochs=2))
    *epochs, last = finetune(task, dataset, supernet, architecture)
    assert [event.epoch for event in epochs if isinstance(event, EpochDone)] == [1, 2]
    assert weight_hash(supernet.state_dict()) == trained.weight_hash
    assert isinstance(last, Trained)
    tuned = load_supernet(last.path, fixed_space(space, architecture))
    scored = SubnetEvaluator(tuned, dataset, 0, task.options.augmentation).correct((), "test").mean()
    before = SubnetEvaluator(supernet, dataset, 0, task.options.augmentation).correct(architecture, "test")
    assert scored >= before.mean() - 0.05
