"""Artifacts on the controller: files by content, and a catalogue of them in SQLite."""

from memops.store.catalogue import Artifact
from memops.store.files import Arrival, Store
from memops.store.names import Place

__all__ = ["Arrival", "Artifact", "Place", "Store"]
