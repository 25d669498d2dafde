"""What a round looks at next: within its budget, agreed by all folds, and the same whenever it is asked."""

from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.spread import Measured
from nas.pipeline.context import PhaseContext
from nas.pipeline.networks import Exported
from nas.pipeline.profile import ProfileDocument
from nas.pipeline.proposals import Proposal, propose
from nas.pipeline.verification import Verification
from search_spaces.base import IntArray, architecture_digest
from search_spaces.sampling import canonical
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import small_spec

NO_IMAGES = np.empty(0, dtype=np.int64)


@pytest.fixture
def ctx(finished: FinishedSearch) -> PhaseContext:
    return finished.context()


@pytest.fixture
def state(finished: FinishedSearch, ctx: PhaseContext) -> Verification:
    """The target of the finished search before anything of it was verified."""
    scored = finished.run.load_arrays("predict")
    return Verification(
        ctx.spec.targets[0],
        ctx.spec.search.objectives,
        ctx.dataset.folds,
        finished.run.load("profile", ProfileDocument).table(ctx, 0),
        scored["archs"],
        scored["correct"],
    )


@pytest.fixture(scope="module")
def first(finished: FinishedSearch) -> Proposal:
    """What the first round proposed."""
    return finished.run.load("verify.0.1", Proposal)


def verify(state: Verification, ctx: PhaseContext, proposal: Proposal, wrong: IntArray = NO_IMAGES) -> None:
    """Take in what was proposed, as if every file took what was believed and got every image right.

    Args:
        wrong: Images that every file gets wrong.
    """
    for number, one in enumerate(proposal.networks):
        digest = architecture_digest(ctx.space, one.architecture)
        correct = np.ones(len(ctx.dataset.labels("validation")), dtype=bool)
        correct[wrong] = False
        exported = Exported(ctx.space, one.architecture, digest, f"{number:064}", 1_000, 1e-6, correct)
        ms = one.latency.value
        latency = Measured(digest, ms, 0.99 * ms, 1.01 * ms, 1.1 * ms, 0.01, ("s1", "s2"), suspect=False)
        state.add(exported, state.described(exported, latency, one, 1), latency)
    state.publish()


def test_asked_again_a_round_proposes_the_same(
    ctx: PhaseContext, state: Verification, first: Proposal
) -> None:
    assert propose(ctx, state, 1) == first


def test_a_round_keeps_to_its_share_of_the_budget(first: Proposal) -> None:
    """Six networks in two rounds with two folds: two a fold and round."""
    assert 1 <= len(first.networks) <= 4
    assert len({one.architecture for one in first.networks}) == len(first.networks)


def test_what_is_left_of_the_budget_is_the_last_rounds(ctx: PhaseContext, state: Verification) -> None:
    asked = replace(ctx, spec=small_spec(verify={"candidates": 4, "rounds": 2}))
    first = propose(asked, state, 1)
    assert len(first.networks) <= 2
    verify(state, asked, first)
    second = propose(asked, state, 2)
    assert len(first.networks) + len(second.networks) <= 4


def test_nothing_is_proposed_twice(ctx: PhaseContext, state: Verification, first: Proposal) -> None:
    verify(state, ctx, first)
    second = propose(ctx, state, 2)
    assert not {one.architecture for one in second.networks} & {one.architecture for one in first.networks}


def test_how_easy_the_images_are_that_confirm_does_not_choose(
    ctx: PhaseContext, state: Verification, first: Proposal
) -> None:
    """What is verified gets no `select` image right, and all or none of the others."""
    folds = state.folds[:1]
    asked = replace(ctx, spec=small_spec(verify={"candidates": 20, "rounds": 2}))
    proposed = []
    for wrong in (folds[0].select, np.concatenate([folds[0].select, folds[0].confirm])):
        own = replace(state, folds=folds, found={})
        verify(own, asked, first, wrong)
        proposed.append([one.architecture for one in propose(asked, own, 2).networks])
    assert proposed[0] == proposed[1]
    assert proposed[0]


def test_proposals_are_networks_of_the_space_with_what_is_believed_of_them(
    ctx: PhaseContext, first: Proposal
) -> None:
    archs = np.array([one.architecture for one in first.networks])
    np.testing.assert_array_equal(canonical(ctx.space, archs), archs)
    for one in first.networks:
        assert (one.accuracy.kind, one.latency.kind) == ("fitted", "table")
        for figure in (one.accuracy, one.latency):
            assert figure.lower <= figure.value <= figure.upper


def test_every_fold_searches_and_a_sample_is_shown(ctx: PhaseContext, first: Proposal) -> None:
    folds, evaluations = len(ctx.dataset.folds), ctx.spec.search.evaluations
    assert folds == 2
    # Each asks for no more than it may; what it asked for twice counts once.
    assert folds < first.num_evaluated <= folds * evaluations
    assert 1 <= len(first.cloud) <= 1_500
    assert all(0 <= point.accuracy <= 1 and point.latency_ms > 0 for point in first.cloud)
    assert first.reaching >= 1


def test_a_limit_keeps_out_what_cannot_keep_it(
    ctx: PhaseContext, state: Verification, first: Proposal
) -> None:
    limit = float(np.median([one.latency.upper for one in first.networks]))
    limits = {"latency_ms": limit}
    target = state.target.model_copy(update={"limits": limits})
    found = propose(ctx, replace(state, target=target), 1)
    assert found.networks
    assert all(one.latency.lower <= limit for one in found.networks)
