"""Prints the size in bytes of all files in the given folders, without compiled ones, and the size of a zip of them."""

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
