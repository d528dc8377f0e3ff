"""Compiles what Ansible sends once on a host, not once for each task.

Ansible sends a module as a zip of sources. Python keeps no compiled form of what it imports from
a zip, and compiles it twice, the first time to name the file: nearly half of what a task costs.
lab_modules.pth loads this wherever Debian's Python starts, so it imports little.
"""

import marshal
import os
import sys
from importlib.util import source_hash
from types import CodeType
from zipimport import zipimporter

_FOLDER = "/var/cache/lab-modules"


class _Importer(zipimporter):
    """Imports from zips, with the code of earlier imports of the same source."""

    def get_filename(self, fullname: str) -> str:
        ending = "/__init__.py" if self.is_package(fullname) else ".py"
        return f"{self.archive}/{self.prefix}{fullname.rpartition('.')[2]}{ending}"

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_source(fullname)
        if source is None:  # There is compiled code alone.
            return super().get_code(fullname)
        kept = f"{_FOLDER}/{source_hash(source.encode()).hex()}"
        if os.path.exists(kept):
            with open(kept, "rb") as file:
                code: CodeType = marshal.load(file)  # noqa: S302 - root wrote it
            return code
        code = super().get_code(fullname)
        if os.access(_FOLDER, os.W_OK):  # Root's.
            unfinished = f"{kept}.{os.getpid()}"
            with open(unfinished, "wb") as file:
                marshal.dump(code, file)
            os.rename(unfinished, kept)
        return code


sys.path_hooks[:] = [_Importer if hook is zipimporter else hook for hook in sys.path_hooks]
