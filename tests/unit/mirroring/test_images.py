"""What the engine saved, as members of the archive."""

from __future__ import annotations

import io
import tarfile

from mlops_ci.mirroring.images import contents


def test_a_layer_that_an_older_engine_only_links_to_is_there_under_both_names(tmp_path):
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        for name, data in (("one/layer.tar", b"layer"), ("manifest.json", b"[]")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("two/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../one/layer.tar"
        archive.addfile(link)
    found = contents(tmp_path / "images.tar")
    assert set(found) == {"images/one/layer.tar", "images/two/layer.tar", "images/manifest.json"}
    read = []
    found["images/two/layer.tar"].read(read.append)
    assert read == [b"layer"]
