"""Makes a release of this project, step by step; `.github/workflows/release.yml` calls the same steps.

    python bin/release.py prepare 1.2.3        version, changelog and the tags in rendered files, as one commit
    python bin/release.py check 1.2.3          do version, changelog, fragments and tags agree?
    python bin/release.py build 1.2.3          dist/: the wheel, its checksums, the notes
    python bin/release.py image 1.2.3 --name REGISTRY/NAME    the tool image, pushed; prints its digest
    python bin/release.py tag 1.2.3 [--remote origin]         v1.2.3, and v1 moved to it, in one push
    python bin/release.py publish 1.2.3        the release on GitHub, by its command line tool `gh`
    python bin/release.py --dry-run 1.2.3      all but image and publish, in a clone with a remote of its own

Standard library only, but for `prepare` (towncrier) and `build` (hatchling), both from the locks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from release_build import build, image
from release_facts import RefusedError, Version, check, parse_version, refuse_known, tracked_changes
from release_git import ROOT, git
from release_steps import move_tags, prepare, publish

STEPS = ("prepare", "check", "build", "image", "tag", "publish")


def main(arguments: list[str] | None = None) -> int:
    """Run one step; 1 when it was refused, with the reason."""
    chosen = _parser().parse_args(arguments)
    words = [*chosen.words]
    step = "dry-run" if chosen.dry_run else words.pop(0) if words and words[0] in STEPS else ""
    if not step or len(words) != 1:
        _parser().error("name a step and a version, or --dry-run and a version")
    try:
        _step(step, parse_version(words[0]), chosen)
    except RefusedError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="STEP VERSION", help=f"one of {', '.join(STEPS)}, then 1.2.3")
    parser.add_argument("--dry-run", action="store_true", help="try all of it in a clone")
    parser.add_argument("--remote", default="origin", help="where tags are and go to")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of what is built")
    parser.add_argument("--name", default="", help="the tool image's name, with its registry")
    return parser


def _step(step: str, version: Version, chosen: argparse.Namespace) -> None:
    if step == "dry-run":
        rehearse(version)
    elif step == "prepare":
        prepare(ROOT, version, chosen.remote)
    elif step == "check":
        check(ROOT, version, chosen.remote)
        print(f"version, changelog and tags agree on {version}")
    elif step == "build":
        build(ROOT, version, chosen.output)
    elif step == "image":
        image(ROOT, version, chosen.output, chosen.name)
    elif step == "tag":
        check(ROOT, version, chosen.remote)
        move_tags(ROOT, version, chosen.remote)
    else:
        publish(ROOT, version, chosen.output)


def rehearse(version: Version) -> None:
    """Prepare, check, build and tag in a clone of what is committed; nothing of it reaches this repository."""
    changed = tracked_changes(ROOT)
    if changed:
        raise RefusedError(f"uncommitted changes: {', '.join(changed[:5])}; commit them first")
    refuse_known(ROOT, version, ".")
    with tempfile.TemporaryDirectory() as folder:
        remote, clone = Path(folder, "remote.git"), Path(folder, "clone")
        git(ROOT, "clone", "--quiet", "--bare", str(ROOT), str(remote))
        git(ROOT, "clone", "--quiet", str(remote), str(clone))
        prepare(clone, version, "origin")
        check(clone, version, "origin")
        build(clone, version, clone / "dist")
        move_tags(clone, version, "origin")
        print((clone / "dist" / "notes.md").read_text())
    print(f"dry run: {version} could be released from {git(ROOT, 'rev-parse', '--short', 'HEAD')}; nothing was changed")


if __name__ == "__main__":
    sys.exit(main())
