"""A stack as it is, or as of a git revision: `cnrs`, `stacks/cnrs.yaml`, `cnrs@main`, `stacks/cnrs.yaml@HEAD~3`.

Of a revision, the stack file and every cloud, release and waiver file beside it are what the revision holds; they are
read from git's own store into a temporary folder, so that neither the working tree nor the index is touched.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from socle import content
from socle.errors import InputError
from socle.messages import _
from socle.stack.explain import suggestion
from socle.stack.load import LoadedStack, known_stacks, load_stack

_REVISION = re.compile(r"(?P<stack>.+?\.ya?ml|[^@]+)@(?P<revision>.+)")  # a path may hold an @, a stack's name may not
_FULL_HASH = re.compile(r"[0-9a-f]{40,64}")
_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX")
_REGULAR = ("100644", "100755")  # modes of files; a link's content is a path


@dataclass(frozen=True)
class Origin:
    """Where a stack was read, and what reports call it. `commit` (short) and `day` (ISO) are empty without revision."""

    title: str
    file: str
    commit: str = ""
    day: str = ""


@dataclass(frozen=True)
class _Repository:
    top: Path
    commit: str  # the full hash


def split(argument: str) -> tuple[str, str | None]:
    """The stack's name or file, and the git revision or None. A file that exists is a file, whatever its name."""
    found = _REVISION.fullmatch(argument)
    return (found["stack"], found["revision"]) if found and not Path(argument).is_file() else (argument, None)


@contextmanager
def opened(argument: str) -> Iterator[tuple[LoadedStack, Origin]]:
    """The stack of a name, a file, or a revision of either; waivers and neighbours inside are the revision's too.

    Raises InputError and StackErrors as `load_stack` does, and InputError without git, revision, or file in it.
    """
    name, revision = split(argument)
    if revision is None:
        loaded = load_stack(name)
        yield loaded, Origin(argument, content.label(loaded.file))
        return
    short = revision[:8] if _FULL_HASH.fullmatch(revision) else revision
    with TemporaryDirectory(prefix="socle-") as temporary:
        folder = Path(temporary).resolve()
        repository, file = _checked_out(name, revision, folder)
        past = content.Past(folder, short, tuple(_folders(repository, folder)))
        commit, day = (
            _git(repository.top, "log", "-1", "--no-show-signature", "--format=%h %cs", repository.commit)
            .decode()
            .split()
        )
        with content.as_of(past):
            yield load_stack(str(file)), Origin(f"{name}@{short}", content.label(file), commit, day)


def _checked_out(name: str, revision: str, into: Path) -> tuple[_Repository, Path]:
    """Writes the stack's file as of the revision below `into`. The first place that has one wins."""
    refusals: list[InputError] = []
    for place in _places(name):
        try:
            repository = _repository(place.parent, revision)
            path = PurePosixPath((place.parent.resolve() / place.name).relative_to(repository.top).as_posix())
            if _write(repository, [path], into):
                return repository, into / path
            hint = "" if place == Path(name) else suggestion(name, known_stacks())
            raise InputError(
                "SOC-1503", "the revision {revision} has no file: {file}", hint=hint, revision=revision, file=path
            )
        except InputError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _places(name: str) -> list[Path]:
    """Where the file is; where it may have been, when it is no longer there."""
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return [Path(name)]
    places = [folder / f"{name}.yaml" for folder in content.search_path()]
    return [place for place in places if place.is_file()][:1] or places


def _repository(folder: Path, revision: str) -> _Repository:
    here = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    try:
        top = _git(here, "rev-parse", "--show-toplevel").decode().rstrip("\n")
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise InputError("SOC-1501", "git has no repository here: {folder}", folder=here, hint=said) from None
    try:
        commit = _git(here, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError:
        shallow = _git(here, "rev-parse", "--is-shallow-repository").strip() == b"true"
        hint = _("this clone lacks older commits: git fetch --unshallow") if shallow else ""
        raise InputError("SOC-1502", "no such git revision: {revision}", hint=hint, revision=revision) from None
    return _Repository(Path(top), commit)


def _folders(repository: _Repository, into: Path) -> Iterator[Path]:
    """Today's search path, where each folder that the repository holds is replaced by the revision's.

    What lies in the repository's folder and is none of its files (an environment with Socle in it) stays today's.
    """
    for folder in content.search_path():
        if not folder.resolve().is_relative_to(repository.top):
            yield folder
            continue
        path = PurePosixPath(folder.resolve().relative_to(repository.top).as_posix())
        wanted = [path, *(path / room for room in ("clouds", "releases", "waivers", "statements"))]
        if _write(repository, wanted, into) or _git(repository.top, "ls-files", "-z", "--", f":(literal){path}"):
            yield into / path
        else:
            yield folder


def _write(repository: _Repository, wanted: Iterable[PurePosixPath], into: Path) -> int:
    """Writes the wanted files, and the YAML files of the wanted folders, as of the revision. Returns how many."""
    names = set(wanted)
    below = [] if PurePosixPath() in names else [str(name) for name in names]
    listed = _git(repository.top, "ls-tree", "-r", "-z", "--full-tree", repository.commit, *below)
    found: dict[PurePosixPath, str] = {}
    for line in filter(None, listed.decode(errors="replace").split("\0")):
        (mode, _type, blob), path = line.partition("\t")[0].split(), PurePosixPath(line.partition("\t")[2])
        if mode in _REGULAR and (path in names or (path.parent in names and path.suffix == ".yaml")):
            found[path] = blob
    for path, data in zip(found, _blobs(repository, found.values()), strict=True):
        (into / path.parent).mkdir(parents=True, exist_ok=True)
        (into / path).write_bytes(data)
    return len(found)


def _blobs(repository: _Repository, names: Iterable[str]) -> Iterator[bytes]:
    """Contents as git stores them, in order; each comes after a line `<name> blob <size>` and before a newline."""
    asked = "".join(f"{name}\n" for name in names).encode()
    rest = memoryview(_git(repository.top, "cat-file", "--batch", given=asked)) if asked else memoryview(b"")
    while rest:
        head = bytes(rest[:128]).partition(b"\n")[0]
        size = int(head.split()[2])
        start = len(head) + 1
        yield bytes(rest[start : start + size])
        rest = rest[start + size + 1 :]


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git prints. Raises CalledProcessError when it refuses, InputError when there is no git."""
    command = ["git", "-C", str(folder), *arguments]
    # what a hook of git sets would have it look at that hook's repository, wherever the folder is
    own = {name: value for name, value in os.environ.items() if name not in _HOOK}
    try:
        return subprocess.run(command, input=given, capture_output=True, check=True, env=own).stdout
    except FileNotFoundError:
        raise InputError("SOC-1501", "a revision is read by git, which is not installed") from None
