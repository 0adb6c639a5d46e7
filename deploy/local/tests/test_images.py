import json
from pathlib import Path

import pytest

from schakel_local import cli, images


def test_a_tool_that_is_missing_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(images.ImagesError, match=r"install buildah, runc, skopeo first \(Debian: apt install"):
        images.images([], "", "1.0.0", twice=False)


def test_an_unknown_image_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["images", "kitchen"]) == 2
    assert "no image is called kitchen; there are registry, matching," in capsys.readouterr().err


def test_the_sbom_names_each_package_of_the_image_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "OUT", tmp_path)
    images.write_sbom("gateway", {"libc6": "2.36-9"})
    document = json.loads((tmp_path / "gateway.cdx.json").read_text(encoding="utf-8"))
    purls = [each["purl"] for each in document["components"]]
    assert len(purls) == len(set(purls)) > 50
    assert any(purl.startswith("pkg:pypi/strawberry-graphql@") for purl in purls)
    assert purls[-1] == "pkg:deb/debian/libc6@2.36-9"
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
