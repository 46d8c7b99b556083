"""Image references."""

import pytest

from mlops_ci.registry.reference import ImageReferenceError, parse

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "host", "repository", "wanted", "api"),
    [
        ("debian", None, "debian", "latest", "https://registry-1.docker.io/v2/library/debian"),
        ("debian:12", None, "debian", "12", "https://registry-1.docker.io/v2/library/debian"),
        (
            "mlops-ci/demo/torch:c-1",
            None,
            "mlops-ci/demo/torch",
            "c-1",
            "https://registry-1.docker.io/v2/mlops-ci/demo/torch",
        ),
        (
            "docker.io/library/debian",
            "docker.io",
            "library/debian",
            "latest",
            "https://registry-1.docker.io/v2/library/debian",
        ),
        (f"ghcr.io/o/i:t@{DIGEST}", "ghcr.io", "o/i", DIGEST, "https://ghcr.io/v2/o/i"),
        ("localhost:5000/x", "localhost:5000", "x", "latest", "http://localhost:5000/v2/x"),
        ("localhost/x:1", "localhost", "x", "1", "http://localhost/v2/x"),
        ("127.0.0.1:80/a/b_c-d", "127.0.0.1:80", "a/b_c-d", "latest", "http://127.0.0.1:80/v2/a/b_c-d"),
        ("reg.example:5000/x", "reg.example:5000", "x", "latest", "https://reg.example:5000/v2/x"),
    ],
)
def test_parts(text: str, host: str | None, repository: str, wanted: str, api: str) -> None:
    found = parse(text)
    assert (found.host, found.repository, found.wanted, found.api) == (host, repository, wanted, api)


@pytest.mark.parametrize("text", ["", "UPPER/case", "a b", "x@sha256:12", "ghcr.io/", "x:-tag", "http://x/y"])
def test_no_references(text: str) -> None:
    with pytest.raises(ImageReferenceError) as caught:
        parse(text)
    assert caught.value.exit_code == 2
