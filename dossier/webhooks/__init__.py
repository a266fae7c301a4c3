"""Webhooks: what happens in a workspace is sent to the addresses that its owners name (Standard Webhooks, CloudEvents)."""

from dossier.webhooks.jobs import CONSUMERS, JOBS, gather

__all__ = ["CONSUMERS", "JOBS", "gather"]
