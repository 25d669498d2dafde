"""What is known of images without opening them is what opening them says."""

from nas.data.catalogue import open_dataset
from nas.data.facts import DIGITS, facts_of
from nas.data.spec import DigitsSpec, ShapesSpec


def test_the_digits_are_as_they_were_written_down() -> None:
    assert facts_of(open_dataset(DigitsSpec()).report.as_dict()) == DIGITS


def test_all_validation_images_confirm_where_folds_swap() -> None:
    few = open_dataset(ShapesSpec(num_train=120, num_validation=81, num_test=60, num_classes=3))
    facts = facts_of(few.report.as_dict())
    assert (facts.num_train, facts.num_validation, facts.num_folds) == (120, 81, 2)
    assert facts.num_confirm == sum(len(fold.confirm) for fold in few.folds) == 81
    many = open_dataset(ShapesSpec(num_train=120, num_validation=1_000, num_test=60))
    facts = facts_of(many.report.as_dict())
    assert (facts.num_folds, facts.num_confirm) == (1, len(many.folds[0].confirm))
