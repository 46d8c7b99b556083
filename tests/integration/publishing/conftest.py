"""Fixtures for this folder."""

from __future__ import annotations

from tests.support.s3_places import place

__all__ = ["place"]
