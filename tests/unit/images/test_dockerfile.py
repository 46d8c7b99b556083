"""The user's Dockerfile: accepted when it stands on our layer, refused with file and line when it does not."""

from pathlib import Path

import pytest

from mlops_ci.images import dockerfile
from mlops_ci.images.dockerfile import DockerfileBaseError

HEAD = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"


def read(tmp_path: Path, text: str) -> dockerfile.Dockerfile:
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    return dockerfile.read(path, shown="Dockerfile")


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        "# a comment\n\narg BASE_IMAGE=debian\nfrom $BASE_IMAGE\nRUN true\n",
        "ARG BASE_IMAGE\nARG X=1\nFROM --platform=linux/amd64 ${BASE_IMAGE} AS final\nCOPY a b\n",
        "ARG BASE_IMAGE\nFROM node:20@sha256:"
        + "1" * 64
        + " AS web\nRUN x\nFROM ${BASE_IMAGE}\nCOPY --from=web /a /b\n",
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS one\nRUN true\nFROM one\nRUN true\n",
    ],
)
def test_accepted(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).externals == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("FROM python:3.11\nRUN true\n", "Dockerfile:1:"),
        ("# hello\n\nFROM python:3.11\nARG BASE_IMAGE\n", "Dockerfile:3:"),
        ("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN true\nFROM debian\n", "Dockerfile:4:"),
        ("ARG BASE_IMAGE\nFROM debian:12\n", "Dockerfile:2:"),
        ("RUN true\n", "Dockerfile:1:"),
        ("", "Dockerfile:1:"),
    ],
)
def test_refused_with_file_and_line(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(DockerfileBaseError) as caught:
        read(tmp_path, text)
    assert caught.value.exit_code == 2
    assert caught.value.cause.startswith(place)
    assert "ARG BASE_IMAGE" in caught.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DockerfileBaseError, match="docker/Dockerfile cannot be read: No such file"):
        dockerfile.read(tmp_path / "docker" / "Dockerfile", shown="docker/Dockerfile")


@pytest.mark.parametrize(
    ("lines", "copies"),
    [
        ("RUN true", ()),
        ("COPY requirements.txt src/ /app/", ("requirements.txt", "src/")),
        ('COPY --chown=1:1 ["a b", "/app"]', ("a b",)),
        ("COPY --from=one:1 /x /y", ()),
        ("ADD https://example.invalid/x.tar /x", ()),
        ("RUN --mount=type=bind,source=tools,target=/t true", ("tools",)),
        ("RUN --mount=type=bind,target=/t true", (".",)),
        ("COPY ${WHAT} /app", None),
        ("COPY <<EOF /app/x\nCOPY secret /y\nEOF\nCOPY z /z", ("z",)),
        ("RUN echo \\\n  # a comment\n  COPY a b\nCOPY c d", ("c",)),
        ("RUN echo $((1 << 2)) && x\nCOPY c d", ("c",)),
        ("RUN cat <<EOF > /x\nno end\nCOPY c d", ("c",)),
    ],
)
def test_what_it_reads_of_the_context(tmp_path: Path, lines: str, copies: tuple[str, ...] | None) -> None:
    assert read(tmp_path, HEAD + lines + "\n").copies == copies


def test_images_of_others_without_a_digest_are_found(tmp_path: Path) -> None:
    text = "ARG BASE_IMAGE\nFROM node:20 AS web\nFROM ${BASE_IMAGE}\nCOPY --from=web /a /a\nCOPY --from=nginx:1 /b /b\n"
    text += "RUN --mount=type=bind,from=busybox:1,target=/t true\nCOPY --from=0 /c /c\n"
    assert read(tmp_path, text).externals == (("node:20", 2), ("nginx:1", 5), ("busybox:1", 6))
