"""Do the pinned packages import, in just the pinned versions? Exits with 1 and says which ones do not."""

import importlib
import importlib.metadata
import pathlib
import re
import sys

PINNED = pathlib.Path(__file__).parent.parent / "requirements.txt"


def pinned(text):
    """Yields the (package, version) pairs of a list that `pip freeze` wrote."""
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if line:
            package, _, version = line.partition("==")
            yield package, version


def normal(name):
    """The form in which two spellings of a package's name are equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def modules_of(package):
    """Names the top-level modules that the installed package brings."""
    for module, packages in importlib.metadata.packages_distributions().items():
        if normal(package) in map(normal, packages):
            yield module


def fault(package, version):
    """Says what is wrong with the package, or nothing."""
    try:
        found = importlib.metadata.version(package)
        for module in modules_of(package):
            importlib.import_module(module)
    except ImportError as error:
        return f"{package}: {error}"
    return "" if found == version else f"{package}: pinned {version}, installed {found}"


packages = list(pinned(PINNED.read_text()))
faults = [text for package, version in packages if (text := fault(package, version))]
for text in faults:
    print(text, file=sys.stderr)
if faults or not packages:
    sys.exit(f"smoke test failed: {len(faults)} of {len(packages)} packages")
for package, version in packages:
    print(f"{package} {version}")
