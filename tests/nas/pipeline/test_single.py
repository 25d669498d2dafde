"""One network trained within a phase: what it is given, what is told, what comes out."""

from pathlib import Path

import torch

from nas.evaluation import SubnetEvaluator
from nas.pipeline.context import PhaseContext
from nas.pipeline.options import augmentation_of
from nas.pipeline.references import stock_space
from nas.pipeline.single import Place, single_task, trained_network
from nas.training.trainer import FINISHED, train
from nas.training.weights import load_supernet
from search_spaces.modules.static import StaticNetwork
from tests.nas.pipeline.small_search import Recorder, context

PLACE = Place("references", 1, 4, "training resnet")


def trained(ctx: PhaseContext, folder: Path) -> StaticNetwork:
    space = stock_space(ctx, "resnet")
    task = single_task(ctx, folder, 2)
    assert (task.options.epochs, task.seed, task.folder) == (2, ctx.spec.seed, folder)
    return trained_network(ctx, train(task, ctx.dataset, space), space, PLACE)


def test_each_epoch_is_told_and_the_network_has_its_settled_statistics(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    static = trained(ctx, tmp_path / "one")
    assert isinstance(ctx.progress, Recorder)
    assert ctx.progress.steps == [
        ("references", 1.5, 4, "training resnet"),
        ("references", 2.0, 4, "training resnet"),
    ]
    own = load_supernet(tmp_path / "one" / FINISHED, stock_space(ctx, "resnet"))
    evaluator = SubnetEvaluator(own, ctx.dataset, ctx.spec.seed, augmentation_of(ctx.spec))
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = own(images, (), evaluator.statistics(()))
        torch.testing.assert_close(static(images), expected, rtol=0, atol=1e-5)


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first, second = context(tmp_path), context(tmp_path)
    before, after = (trained(ctx, tmp_path / "one").state_dict() for ctx in (first, second))
    assert isinstance(second.progress, Recorder)
    assert second.progress.steps == []
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
