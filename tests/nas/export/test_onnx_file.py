import onnx
import pytest
from onnx import TensorProto, helper

from nas.export.onnx_file import read_onnx
from tests.nas.export.networks import LARGEST, TINY, exported


def test_it_says_what_the_package_says() -> None:
    content = exported(TINY, LARGEST)
    model = onnx.load_from_string(content)
    found = read_onnx(content)
    assert found.properties == {entry.key: entry.value for entry in model.metadata_props}
    assert found.properties["class_names"].startswith('["zero"')
    shape = model.graph.input[0].type.tensor_type.shape
    assert found.input_shape == tuple(one.dim_value for one in shape.dim)
    assert found.input_shape[:2] == (0, 3), "a dynamic batch of images with three channels"


def test_text_and_sizes_of_any_length_are_read() -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 300, 2**33])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, 1])
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["logits"])], "g", [image], [logits])
    model = helper.make_model(graph)
    helper.set_model_props(model, {"größe": "ü" * 1_000, "empty": ""})
    found = read_onnx(model.SerializeToString())
    assert found.properties == {"größe": "ü" * 1_000, "empty": ""}
    assert found.input_shape == (0, 300, 2**33)


def test_what_is_cut_off_anywhere_is_refused_or_complete() -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3, 8, 8])
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["logits"])], "g", [image], [logits])
    content = helper.make_model(graph).SerializeToString()
    whole = read_onnx(content)
    for end in range(len(content)):
        try:
            assert read_onnx(content[:end]) == whole
        except ValueError:
            continue


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x0a\xff\xff", b"\xff" * 20, b"\x00\x00"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged|missing|no input"):
        read_onnx(content)
