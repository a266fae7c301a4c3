"""What only links with Microsoft Graph have: word of changes, sign-ins of people, and lists to pick a place from."""

from dossier.links.graph import hints, sign_ins

__all__ = ["hints", "sign_ins"]
