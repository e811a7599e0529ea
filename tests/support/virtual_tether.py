"""libgphoto2's virtual camera, tethered as `gphoto2 --capture-tethered --keep --force-overwrite` does it.

    VCAMERADIR=CAMERA python virtual_tether.py EXPOSURES FILENAME [--hook PROGRAM] [--hold-s S] [--stall-s S]

Runs in the folder in which gphoto2 would. CAMERA: a folder that holds one JPEG, whose modification time is
the camera's clock. EXPOSURES: a folder of JPEGs as long as that one, what the camera sees with each release.
FILENAME: as gphoto2's --filename, `%f.%C` or a path that ends so. Prints where each frame lay in the camera.
"""

from __future__ import annotations

import argparse
import errno
import os
import secrets
import string
import subprocess
import time
from pathlib import Path

import gphoto2 as gp

_BLOCK_BYTES = 8192


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("exposures", type=Path)
    parser.add_argument("filename")
    parser.add_argument("--hook")
    parser.add_argument("--hold-s", type=float, default=0.0, help="between the download and its name")
    parser.add_argument("--stall-s", type=float, default=0.0, help="after each block of a copy")
    options = parser.parse_args()
    (lens,) = Path(os.environ["VCAMERADIR"]).iterdir()
    camera = gp.Camera()
    camera.init()
    for exposure in sorted(options.exposures.iterdir()):
        lens.write_bytes(exposure.read_bytes())
        camera.trigger_capture()
        save(camera, wait_for_frame(camera), options)
    camera.exit()


def wait_for_frame(camera: gp.Camera) -> gp.CameraFilePath:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        kind, data = camera.wait_for_event(100)
        if kind == gp.GP_EVENT_FILE_ADDED:
            return data
    raise SystemExit("the camera brought no frame")


def save(camera: gp.Camera, where: gp.CameraFilePath, options: argparse.Namespace) -> None:
    """gphoto2's save_file_to_file and save_camera_file_to_file: the temp file is open until all is done."""
    print(f"{where.folder}/{where.name}", flush=True)
    temp_name = "tmpfile" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(6))
    descriptor = os.open(temp_name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    file = gp.CameraFile(descriptor)
    camera.file_get(where.folder, where.name, gp.GP_FILE_TYPE_NORMAL, file)
    time.sleep(options.hold_s)
    stem, _, suffix = where.name.rpartition(".")
    temp, final = Path(temp_name), Path(options.filename.replace("%f", stem).replace("%C", suffix))
    final.unlink(missing_ok=True)
    try:
        temp.rename(final)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_in_place(temp, final, options.stall_s)
    final.chmod(0o644)
    os.utime(final, (file.get_mtime(), file.get_mtime()))
    if options.hook:
        environment = {**os.environ, "ACTION": "download", "ARGUMENT": str(final)}
        subprocess.run([options.hook], env=environment, check=False)
    del file  # closes the descriptor


def copy_in_place(source: Path, final: Path, stall_s: float) -> None:
    with source.open("rb") as reading, final.open("wb", buffering=0) as writing:
        while block := reading.read(_BLOCK_BYTES):
            writing.write(block)
            time.sleep(stall_s)
    source.unlink()


if __name__ == "__main__":
    main()
