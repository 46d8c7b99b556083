"""Signatures of images, SBOMs and provenance, in cosign's forms. Nothing here asks a registry."""
