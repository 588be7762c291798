"""How browser libraries that npm installed, and our own files, become hashed static files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

#: Static name → file inside node_modules. Only what a page loads is collected.
BROWSER_LIBRARIES = {
    "vendor/bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
    "vendor/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "vendor/tus.min.js": "tus-js-client/dist/tus.min.js",
    "vendor/vega.min.js": "vega/build/vega.min.js",
    "vendor/vega-lite.min.js": "vega-lite/build/vega-lite.min.js",
    "vendor/vega-embed.min.js": "vega-embed/build/vega-embed.min.js",
    "vendor/vega-interpreter.min.js": "vega-interpreter/build/vega-interpreter.min.js",
}


class BrowserLibraryFinder(BaseFinder):
    """Find the files of `BROWSER_LIBRARIES` in ``node_modules``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.root = Path(settings.BASE_DIR) / "node_modules"
        self.storage = _Renamed(location=self.root)

    def check(self, **kwargs: Any) -> list[Any]:
        """Leave complaints about missing libraries to `manage.py doctor`."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Give the file behind a static name."""
        file = self.root / BROWSER_LIBRARIES[path] if path in BROWSER_LIBRARIES else None
        if file is None or not file.is_file():
            return []
        return [str(file)] if find_all else str(file)

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Storage]]:
        """List the libraries that are installed."""
        for name, source in BROWSER_LIBRARIES.items():
            if (self.root / source).is_file():
                yield name, self.storage


class _Renamed(FileSystemStorage):
    """Reads a library under its static name."""

    def path(self, name: str) -> str:
        return super().path(BROWSER_LIBRARIES.get(name, name))


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed names; source maps are not shipped, so references to them are left alone."""

    manifest_strict = False
    patterns: ClassVar[tuple[Any, ...]] = (
        ("*.css", (r"""(?P<matched>url\(['"]{0,1}\s*(?P<url>.*?)["']{0,1}\))""",)),
    )
