"""Prints what is below the folders given, in bytes, and what a zip of it is; compiled files are left out."""

import pathlib
import sys
import tempfile
import zipfile

size = 0
with tempfile.TemporaryFile() as file:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for folder in map(pathlib.Path, sys.argv[1:]):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    size += path.stat().st_size
                    archive.write(path, path.relative_to(folder))
    print(size, file.tell())
