"""What a link has to do, and doing it: planner, engine, steps, and what they ask of Dossier's side."""

from dossier.links.sync.books import Books, Terms, View
from dossier.links.sync.engine import Engine
from dossier.links.sync.planner import Base, Ours, Place, Step, Theirs, plan

__all__ = ["Base", "Books", "Engine", "Ours", "Place", "Step", "Terms", "Theirs", "View", "plan"]
