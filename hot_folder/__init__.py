"""A hot folder that accounts for every file that lands in it, exactly once, and never writes to it.

    with Journal.open(path) as journal:
        intake = Intake(b"/shoots/monday", journal)
        report = intake.step()            # one pass; or intake.run(stop) in a thread
        for event in journal.events(after_seq=0):
            ...

Stands alone: no pixels, no other package of this repository.
"""

from hot_folder.errors import HotFolderError, JournalBusy, JournalTooNew, JournalUnusable, OriginalUnreadable
from hot_folder.events import Event, EventKind, FileRow, FileState
from hot_folder.gate import Describe
from hot_folder.intake import SESSION_FOLDERS, Intake
from hot_folder.journal import Journal
from hot_folder.keeper import VaultKeeper
from hot_folder.mounts import Watching
from hot_folder.records import ExposureHints, FileKey, Hint, Place, Role
from hot_folder.report import Problem, Report, Settings, Settling
from hot_folder.vault import Vault

__all__ = [
    "SESSION_FOLDERS",
    "Describe",
    "Event",
    "EventKind",
    "ExposureHints",
    "FileKey",
    "FileRow",
    "FileState",
    "Hint",
    "HotFolderError",
    "Intake",
    "Journal",
    "JournalBusy",
    "JournalTooNew",
    "JournalUnusable",
    "OriginalUnreadable",
    "Place",
    "Problem",
    "Report",
    "Role",
    "Settings",
    "Settling",
    "Vault",
    "VaultKeeper",
    "Watching",
]
