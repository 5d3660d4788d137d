"""
What is the matter with a camera that does not work, and what is to be done?

L{Examination} looks at this computer's network, at who answers, and at one camera
from its first answer to its video, and tells L{Finding}s.  It changes nothing, tries
no password, and prints nothing.
"""

from .computer import Computer, Nic
from .examination import Examination, Patient
from .findings import Finding, Level

__all__ = ["Computer", "Examination", "Finding", "Level", "Nic", "Patient"]
