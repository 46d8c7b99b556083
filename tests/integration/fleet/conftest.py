"""Fixtures for this folder."""

from __future__ import annotations

from support.s3_places import place

__all__ = ["place"]
