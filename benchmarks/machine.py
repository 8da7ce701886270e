"""What a measurement was made with, as its page says it."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "scikit-learn", "scikit-activeml")


def machine() -> str:
    """Return the processor and the versions that results depend on."""
    return f"{processor()}, Python {platform.python_version()}, {', '.join(versions())}"


def processor() -> str:
    """Return the processor's name."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> list[str]:
    """Return the name and version of each package that is installed."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found
