"""The doctor: is everything there, and is it what it was?"""

from dossier.transfer.doctor.diagnosis import CODES, Diagnosis, Finding
from dossier.transfer.doctor.examine import examine

__all__ = ["CODES", "Diagnosis", "Finding", "examine"]
