from nas.report.labels import label_sides


def test_names_do_not_meet() -> None:
    assert label_sides([(0.2, 0.5), (0.8, 0.5)], [5, 5]) == ["middle right", "middle left"]
    first, second = label_sides([(0.7, 0.5), (0.72, 0.505)], [18, 12])
    assert first == "middle left"
    assert second != "middle left"
    assert label_sides([(0.99, 0.5)], [200]) == ["middle left"]


def test_a_name_keeps_clear_of_a_point_that_has_none() -> None:
    assert label_sides([(0.2, 0.5)], [5], [(0.24, 0.5)]) == ["middle left"]
    # Between two points it stands above.
    assert label_sides([(0.3, 0.5)], [8], [(0.36, 0.5), (0.24, 0.5)]) == ["top center"]
