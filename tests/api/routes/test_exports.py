import io
import zipfile

from tests.api.routes.conftest import Finished
from tests.api.served import code


def test_what_was_delivered_is_listed_and_comes_with_its_card(finished: Finished) -> None:
    (export,) = finished.api.get(f"/v1/searches/{finished.search}/exports").json()["items"]
    assert (export["name"], export["format"], export["sha256"]) == ("net-ccc333", "onnx", finished.sha256)
    assert finished.api.get(export["links"]["self"]).json() == export
    assert finished.api.get(export["links"]["file"]).content == finished.file
    bundle = finished.api.get(export["links"]["bundle"])
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        assert archive.read("net-ccc333/model.onnx") == finished.file
    assert names >= {"model.onnx", "architecture.json", "measurements.json", "README.md", "manifest.json"}
    again = finished.api.get(export["links"]["bundle"])
    assert again.content == bundle.content


def test_what_is_not_there_is_said(finished: Finished) -> None:
    assert code(finished.api.get("/v1/exports/none/file")) == (404, "unknown_export")
