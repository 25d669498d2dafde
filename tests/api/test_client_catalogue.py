"""What a client asks beside searches."""

from pathlib import Path

import pytest

from search_spaces.errors import HwnasError, UsageError
from tests.api.running import running
from tests.nas.data.zips import folder_zip


def test_images_are_uploaded(tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    packed.write_bytes(folder_zip())
    with running(tmp_path / "home") as service, service.client() as client:
        added = client.upload("my pets", packed)
        assert client.upload("my pets", packed) == added == client.dataset("my pets")
        assert client.datasets() == (added,)
        with pytest.raises(UsageError) as caught:
            client.upload("pets", tmp_path / "none.zip")
        assert caught.value.code == "no_such_file"
        packed.write_bytes(b"nothing")
        with pytest.raises(HwnasError) as refused:
            client.upload("pets", packed)
        assert refused.value.code == "broken_archive"
        with pytest.raises(UsageError) as unknown:
            client.dataset("none")
        assert unknown.value.code == "unknown_dataset"
