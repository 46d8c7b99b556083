"""What was signed, and whose signature the image had that ran: in words, for every kind of report."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.reporting.data import ReportData


def signatures(data: ReportData) -> Iterator[str]:
    """One sentence each; nothing where nobody asked for signatures."""
    build = data.outputs.build
    signing = build.signing if build is not None else None
    if signing is not None and signing.by:
        what = dict.fromkeys(word for one in signing.images.values() for word in one.what)
        done = (
            f"{len(signing.images)} of {len(build.images)} images ({', '.join(what)})" if build and what else "nothing"
        )
        yield f"Signed: {done} by {signing.by}{f'; {signing.why}' if signing.why else ''}."
    elif signing is not None:
        yield f"Not signed: {signing.why}."
    whose = next((one.signed_by for one in (data.outputs.train, data.outputs.verify) if one and one.signed_by), "")
    if whose:
        yield f"The image ran with a valid signature of {whose}."
