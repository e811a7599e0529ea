"""One root, split by what the operator does about it: wait, set one capture aside, or stop and mend."""

from __future__ import annotations


class StudioError(Exception):
    """Root of every error this package raises on purpose. ``str(error)`` is one line that says what to do."""


class TryAgain(StudioError):
    """A passing condition (disk full, file busy): the work is kept and retried with back-off."""


class SetAside(StudioError):
    """This capture cannot go on; every other one can. The reason is shown beside it."""


class Refused(StudioError):
    """The request itself cannot be met; nothing was changed."""


class CannotRead(SetAside):
    """A file is not what its name says, or is damaged."""


class NeedsTiff(StudioError):
    """LibRaw cannot read this RAW: it is safe, and waits for a TIFF from the studio's own converter."""


class LockedPixelsChanged(SetAside):
    """An edit would have changed pixels outside the zones it may write."""

    def __init__(self, edit: str, changed: int, first_yx: tuple[int, int]) -> None:
        self.edit, self.changed, self.first_yx = edit, changed, first_yx
        super().__init__(
            f"{edit} would change {changed} protected pixels, the first at row {first_yx[0]}, "
            f"column {first_yx[1]}; nothing was written"
        )


class GuardFailed(SetAside):
    """A guard's figure left its limit on the master render: the frame goes back to review."""

    def __init__(self, failures: list[str]) -> None:
        self.failures = failures
        super().__init__("guards failed on the master: " + "; ".join(failures))
