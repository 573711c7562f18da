"""Proofs: every claim of an issue that a machine can judge, as rows. See ``vcam.proof``."""
