"""One step of a job as lines."""

from __future__ import annotations

from mlops_ci.orchestrators.yaml_text import Value, comment, pair, pairs, section


def a_step(
    name: str,
    *,
    why: str = "",
    id_: str = "",
    condition: str = "",
    uses: str = "",
    with_: dict[str, Value] | None = None,
    env: dict[str, Value] | None = None,
    run: str = "",
) -> list[str]:
    """The lines of one step, to be put behind a dash."""
    lines = [*(comment(why) if why else []), *pair("name", name)]
    for key, value in (("id", id_), ("if", condition)):
        lines += pair(key, value) if value else []
    # An action's release stands behind it as a comment, which no quoting may touch.
    lines += [f"uses: {uses}"] if uses else []
    lines += section("with", pairs(with_)) if with_ else []
    lines += section("env", pairs(env)) if env else []
    return [*lines, *(pair("run", run) if run else [])]
