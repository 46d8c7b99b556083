"""From a file, an environment and a command line to frozen settings, or to one error that says all that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_ci.config.canary import NIGHTLY, canary_of, canary_problems
from mlops_ci.config.checks import check
from mlops_ci.config.declared import tables as declared_tables
from mlops_ci.config.document import Document, read_document
from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.exceptions import Excepted, exceptions
from mlops_ci.config.expected import near
from mlops_ci.config.find import find
from mlops_ci.config.govern import allowed_engines, demands, govern
from mlops_ci.config.guard import Base, base_layers, changes, guarded_only, merged_of, split
from mlops_ci.config.keys import Key, dotted, leaves
from mlops_ci.config.layers import Layer, Merged
from mlops_ci.config.overrides import environment_layer, set_layer
from mlops_ci.config.policy import Policy
from mlops_ci.config.policy_source import policy_at, references
from mlops_ci.config.validate import Validated, validate
from mlops_ci.settings.governance import Governance, PolicyInForce
from mlops_ci.settings.settings import Settings, Source, Tables
from mlops_ci.settings.waivers import Exceptions

DEFAULT = Source(kind="default", where="default")


def load(
    path: Path | None,
    *,
    cwd: Path,
    mode: str | None,
    environ: Mapping[str, str],
    sets: Sequence[str] = (),
    flags: Mapping[str, str] | None = None,
    governed: bool = False,
    base: Base | None = None,
) -> Settings:
    """The effective settings: defaults < file < overlay of `mode` < environment < `sets` (`table.key=value`) < `flags`.

    `path` names the file; without it the nearest one from `cwd` up to the top of the repository counts. `governed`
    settings are held against the policies. With the `base` of a pull request guarded settings of the file come from
    there. Raises `ConfigError` with everything that is wrong; without a policy that is named nothing is loaded.
    """
    place = find(path, cwd)
    label = _label(place.file, cwd)
    document = read_document(place, label)
    problems = [*document.problems, *_mode_problems(document, mode)]
    root = place.file.parent
    layers = (document.base, *document.overlays(mode))
    trunk = base_layers(place, label, base, mode) if base is not None else None
    own = merged_of(label, tuple(split(layer)[0] for layer in layers)) if trunk else Merged(label=label)
    merged = merged_of(label, (*(split(layer)[1] for layer in layers), *trunk.layers) if trunk else layers)
    environment, unknown_variables = environment_layer(environ, merged.tree)
    merged.add(environment)
    overrides, bad_overrides = set_layer(sets, flags or {})
    merged.add(overrides)
    validated = validate(merged)
    policies = _policies(validated.tables, environ, root, base) if governed else ()
    # The change itself must be good too: it is what holds after the merge.
    changed = validate(own, complete=False)
    theirs = govern(own, changed, map(guarded_only, policies) if trunk else (), complete=False)
    within = govern(merged, validated, policies)
    validated = within.validated
    problems += [*theirs.validated.problems, *theirs.problems, *within.problems]
    excepted = (
        exceptions(
            root, vex=validated.tables.scan.vex, own_vex=(changed if trunk else validated).tables.scan.vex, base=base
        )
        if governed
        else Excepted(exceptions=Exceptions())
    )
    problems += excepted.problems
    problems += [*unknown_variables, *bad_overrides, *validated.problems, *_findings(validated, merged, root)]
    problems += canary_problems(document, merged)
    for other in document.modes:
        if other not in document.parts(mode):
            below = document.overlays(NIGHTLY) if other == canary_of(merged) != NIGHTLY else ()
            layers = (document.base, *below, document.modes[other])
            problems += _overlay_problems(merged_of(label, layers), root, policies, layer=document.modes[other])
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    effective = effective_tree(validated.tables)
    return Settings(
        root=root,
        file=place.file,
        mode=mode,
        tables=validated.tables,
        sources={dotted(key): _source(merged, key) for key, _ in leaves(effective)},
        effective=effective,
        governance=Governance(
            policies=tuple(PolicyInForce(source=one.source, sha256=one.sha256) for one in policies),
            bounds=demands(policies),
            engines=allowed_engines(policies),
            base=base.commit if base is not None else None,
            changes=(
                *(changes(trunk.validated.tables, own, changed.tables, merged, validated.tables) if trunk else ()),
                *excepted.changes,
            ),
            notice="; ".join(one for one in (trunk.notice if trunk else "", excepted.notice) if one),
        ),
        exceptions=excepted.exceptions,
    )


def _policies(tables: Tables, environ: Mapping[str, str], root: Path, base: Base | None) -> tuple[Policy, ...]:
    at_base = base.read if base is not None else None
    bundle = tables.mirrors.ca_bundle
    return tuple(policy_at(one, root=root, bundle=bundle, at_base=at_base) for one in references(tables, environ))


def _label(file: Path, cwd: Path) -> str:
    """The file as people at `cwd` would name it."""
    relative = os.path.relpath(file, cwd.resolve())
    return str(file) if relative.startswith(f"..{os.sep}..{os.sep}") else relative


def _mode_problems(document: Document, mode: str | None) -> list[Problem]:
    found = []
    for one in document.parts(mode):
        if one not in document.known_modes:
            meant = near(one, document.known_modes)
            hint = f"did you mean `{meant}`? " if meant else ""
            there = ", ".join(document.known_modes)
            found.append(Problem(where=f"--mode {mode}", message=f"unknown mode; {hint}there are {there}"))
    return found


def _findings(validated: Validated, merged: Merged, root: Path) -> list[Problem]:
    """What does not make sense, but for what follows from an error that is told already."""
    return [
        merged.problem(one.key, one.message)
        for one in check(validated.tables, root)
        if not any(_touch(key, wrong) for key in (one.key, *one.given) for wrong in validated.wrong)
    ]


def _touch(one: Key, other: Key) -> bool:
    """Whether one of two keys is, or lies in, the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _overlay_problems(merged: Merged, root: Path, policies: Sequence[Policy], *, layer: Layer) -> list[Problem]:
    """What is wrong with an overlay that was not asked for: it must not wait for the night to be told."""
    validated = validate(merged, complete=False)
    overlaid = {origin.source.where for origin in layer.origins.values()}
    found = [*validated.problems, *_findings(validated, merged, root)]
    found += govern(merged, validated, policies, complete=False).problems
    return [one for one in found if one.where in overlaid]


def _source(merged: Merged, key: Key) -> Source:
    origin = merged.origins.get(key)
    return origin.source if origin else DEFAULT


def effective_tree(tables: Tables) -> dict[str, Any]:
    """All settings as plain JSON under the names of the file: durations in seconds, sizes in bytes, defaults too."""
    return {
        name: {
            key: _plain(getattr(getattr(tables, table.attribute), field.attribute))
            for key, field in table.fields.items()
        }
        for name, table in declared_tables().items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value
