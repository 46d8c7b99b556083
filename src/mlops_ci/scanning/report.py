"""Trivy's JSON report, schema 2, read strictly: what is not understood is an error, never an empty list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlops_ci.scanning.findings import SEVERITIES, Finding
from mlops_ci.scanning.trivy import ScannerBrokenError

SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class Report:
    """`packages` counts by ecosystem as Trivy names it (debian, python-pkg, ...); `configurations` are the checks that
    were carried out on each image configuration or Dockerfile; `layers` are an image's DiffIDs.
    """

    packages: Mapping[str, int]
    findings: tuple[Finding, ...]
    configurations: Mapping[str, int]
    system: str
    end_of_life: bool
    layers: tuple[str, ...]


def parse(data: Any, *, name: str, what: str) -> Report:
    """The report on the target `name`. Raises `ScannerBrokenError` with the place that is not as the schema says."""
    artifact = data.get("ArtifactName") if isinstance(data, dict) else None
    return _Reader(name=name, what=what, artifact=str(artifact or "")).report(data)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    name: str
    what: str
    artifact: str

    def report(self, data: Any) -> Report:
        top = self._mapping(data, "the report")
        if top.get("SchemaVersion") != SCHEMA:
            raise self._broken(f"SchemaVersion is {top.get('SchemaVersion')!r}, not {SCHEMA}")
        results = [self._mapping(one, "Results[]") for one in self._list(top, "Results")]
        metadata = self._mapping(top.get("Metadata") or {}, "Metadata")
        system = self._mapping(metadata.get("OS") or {}, "Metadata.OS")
        packages: dict[str, int] = {}
        configurations: dict[str, int] = {}
        for result in results:
            listed = self._list(result, "Packages")
            if listed:
                kind = self._text(result, "Type")
                packages[kind] = packages.get(kind, 0) + len(listed)
            if result.get("MisconfSummary") is not None:
                summary = self._mapping(result["MisconfSummary"], "MisconfSummary")
                carried_out = int(summary.get("Successes", 0)) + int(summary.get("Failures", 0))
                configurations[self._text(result, "Target")] = carried_out
        return Report(
            packages=packages,
            findings=tuple(dict.fromkeys(finding for result in results for finding in self._findings(result))),
            configurations=configurations,
            system=f"{system.get('Family', '')} {system.get('Name', '')}".strip(),
            end_of_life=system.get("EOSL") is True,
            layers=tuple(str(layer) for layer in self._list(metadata, "DiffIDs")),
        )

    def _findings(self, result: Mapping[str, Any]) -> Iterator[Finding]:
        target = self._text(result, "Target")
        for one in self._list(result, "Vulnerabilities"):
            yield self._vulnerability(self._mapping(one, "Vulnerabilities[]"))
        for one in self._list(result, "ExperimentalModifiedFindings"):
            yield from self._set_aside(self._mapping(one, "ExperimentalModifiedFindings[]"))
        for one in self._list(result, "Secrets"):
            yield self._secret(self._mapping(one, "Secrets[]"), target)
        for one in self._list(result, "Misconfigurations"):
            entry = self._mapping(one, "Misconfigurations[]")
            if entry.get("Status") == "FAIL":
                yield self._misconfiguration(entry, target)

    def _vulnerability(self, entry: Mapping[str, Any]) -> Finding:
        path = str(entry.get("PkgPath") or "")
        return Finding(
            kind="vulnerability",
            id=self._text(entry, "VulnerabilityID"),
            severity=self._severity(entry),
            title=str(entry.get("Title") or ""),
            where=f"{self.name}: {path}" if path else self.name,
            package=self._text(entry, "PkgName"),
            installed=str(entry.get("InstalledVersion") or ""),
            fixed=str(entry.get("FixedVersion") or ""),
            status=str(entry.get("Status") or ""),
            layer=self._layer(entry),
            published=str(entry.get("PublishedDate") or "")[:10],
            purl=str(self._mapping(entry.get("PkgIdentifier") or {}, "PkgIdentifier").get("PURL") or ""),
            url=str(entry.get("PrimaryURL") or ""),
        )

    def _set_aside(self, entry: Mapping[str, Any]) -> Iterator[Finding]:
        """What a VEX document says is not affected: kept, with who says so."""
        if entry.get("Type") != "vulnerability":
            return
        finding = self._vulnerability(self._mapping(entry.get("Finding"), "ExperimentalModifiedFindings[].Finding"))
        source = str(entry.get("Source") or "").rpartition("/")[2]
        said = ", ".join(str(entry[key]) for key in ("Status", "Statement") if entry.get(key))
        yield replace(finding, excused="vex", excuse=f"{source}: {said}" if source else said)

    def _secret(self, entry: Mapping[str, Any], target: str) -> Finding:
        """Only the rule and the place: neither the line nor its neighbours may reach a report."""
        inside = "image configuration" if self._of_image(target) else f"{target.lstrip('/')}:{entry.get('StartLine')}"
        return Finding(
            kind="secret",
            id=self._text(entry, "RuleID"),
            severity=self._severity(entry),
            title=str(entry.get("Title") or ""),
            where=f"{self.name}: {inside}",
            layer=self._layer(entry),
            advice="Revoke the secret, then remove it: it stays readable in every copy that exists",
        )

    def _misconfiguration(self, entry: Mapping[str, Any], target: str) -> Finding:
        cause = self._mapping(entry.get("CauseMetadata") or {}, "CauseMetadata")
        line = f":{cause['StartLine']}" if cause.get("StartLine") else ""
        return Finding(
            kind="misconfiguration",
            id=self._text(entry, "ID"),
            severity=self._severity(entry),
            title=str(entry.get("Title") or ""),
            where=self.name if self._of_image(target) else f"{self.name}: {target}{line}",
            advice=str(entry.get("Resolution") or ""),
        )

    def _of_image(self, target: str) -> bool:
        """Whether a result is about the image's configuration: its target is then the reference, not a path in it."""
        return target == self.artifact

    def _layer(self, entry: Mapping[str, Any]) -> str:
        return str(self._mapping(entry.get("Layer") or {}, "Layer").get("DiffID") or "")

    def _severity(self, entry: Mapping[str, Any]) -> str:
        severity = str(entry.get("Severity") or "UNKNOWN").upper()
        if severity not in SEVERITIES:
            raise self._broken(f"an unknown severity {severity!r}")
        return severity

    def _text(self, entry: Mapping[str, Any], key: str) -> str:
        value = entry.get(key)
        if not isinstance(value, str) or not value:
            raise self._broken(f"`{key}` is missing from an entry")
        return value

    def _list(self, entry: Mapping[str, Any], key: str) -> list[Any]:
        value = entry.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._broken(f"`{key}` is no list")
        return value

    def _mapping(self, value: Any, where: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._broken(f"{where} is no object")
        return value

    def _broken(self, problem: str) -> ScannerBrokenError:
        return ScannerBrokenError(
            f"{self.what}: Trivy's report is not as expected: {problem}", hint="is this the Trivy that is pinned?"
        )


def restored(data: Mapping[str, Any]) -> Report:
    """A report from the JSON of its fields. Raises `KeyError` or `TypeError` for anything else."""
    return Report(
        packages=dict(data["packages"]),
        findings=tuple(Finding(**one) for one in data["findings"]),
        configurations=dict(data["configurations"]),
        system=str(data["system"]),
        end_of_life=bool(data["end_of_life"]),
        layers=tuple(data["layers"]),
    )
