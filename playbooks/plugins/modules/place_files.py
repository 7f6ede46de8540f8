#!/usr/bin/python
# ruff: noqa: PTH101, PTH103, PTH105, PTH108, PTH110, PTH112, PTH113, PTH114, PTH115, PTH120, PTH123, PTH211
"""Places files, folders and links: atomically, with owner and mode, checked before they replace what is there."""

from __future__ import annotations

DOCUMENTATION = """
module: place_files
short_description: Places a set of files at once
description:
  - Writes each file beside its place, checks it, gives it owner and mode, then renames it.
  - A run that is killed leaves the old file or the new one.
options:
  files:
    description: Entries with C(path), and one of C(folder), C(link), C(absent) where it is no file.
    type: list
    elements: dict
    required: true
  contents:
    description: The text of each file, by its path; given by the action of the same name.
    type: dict
  variables:
    description: Read by the action of the same name, which renders the templates.
    type: dict
author: Socle
"""

EXAMPLES = """
- name: "Place the files of the role."
  place_files:
    files: "{{ turn_files }}"
    variables: "{{ model }}"
"""

RETURN = """
placed:
  description: Paths that were changed.
  type: list
  returned: always
"""

import grp  # noqa: E402
import os  # noqa: E402
import pwd  # noqa: E402
import shutil  # noqa: E402
import stat  # noqa: E402
import tempfile  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

UNSEALED = "/var/lib/aide/renew"


class Refused(Exception):
    """A file that its own program does not accept."""


def identity(entry):
    return pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid, int(entry["mode"], 8)


def right(path, entry):
    """Whether owner, group and mode are as wanted."""
    found = os.lstat(path)
    return (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == identity(entry)


def set_right(path, entry):
    uid, gid, mode = identity(entry)
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def keep_right(module, path, entry):
    """dpkg gives the file the same rights when its package is upgraded."""
    owned, _out, _err = module.run_command(["dpkg-query", "-S", path])
    if owned == 0:
        command = ["dpkg-statoverride", "--force-statoverride-add", "--add"]
        module.run_command([*command, entry["owner"], entry["group"], entry["mode"], path], check_rc=True)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def make_folders(path):
    """Readable by all, whatever the session's own mask says."""
    mask = os.umask(0o022)
    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
    finally:
        os.umask(mask)


def place_absent(module, path, _entry):
    if not os.path.lexists(path):
        return False
    if not module.check_mode:
        remove(path)
    return True


def place_folder(module, path, entry):
    if os.path.isdir(path) and right(path, entry):
        return False
    if not module.check_mode:
        make_folders(path)
        set_right(path, entry)
    return True


def place_link(module, path, entry):
    if os.path.islink(path) and os.readlink(path) == entry["link"]:
        return False
    if not module.check_mode:
        temporary = f"{path}.socle"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(entry["link"], temporary)
        os.replace(temporary, path)
    return True


def place_rights(module, path, entry):
    if not os.path.isfile(path) or os.path.islink(path) or right(path, entry):
        return False
    if not module.check_mode:
        keep_right(module, path, entry)
        set_right(path, entry)
    return True


def place_content(module, path, entry):
    wanted = module.params["contents"][path].encode()
    same = False
    if os.path.isfile(path) and not os.path.islink(path):
        with open(path, "rb") as stream:
            same = stream.read() == wanted
    if same and right(path, entry):
        return False
    if module.check_mode:
        return True
    if same:
        set_right(path, entry)
        return True
    folder = os.path.dirname(path)
    make_folders(folder)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".socle-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(wanted)
            stream.flush()
            os.fsync(stream.fileno())
        set_right(temporary, entry)
        if entry.get("validate"):
            command = [temporary if word == "%s" else word for word in entry["validate"]]
            rc, out, err = module.run_command(command)
            if rc != 0:
                lines = [line for line in (err or out).strip().splitlines() if line]
                raise Refused(f"{path} is refused by {command[0]}: {' / '.join(lines[-3:])}")
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    return True


def place(module, entry):
    path = entry["path"]
    if entry.get("absent"):
        return place_absent(module, path, entry)
    if entry.get("folder"):
        return place_folder(module, path, entry)
    if entry.get("link"):
        return place_link(module, path, entry)
    if entry.get("rights"):
        return place_rights(module, path, entry)
    return place_content(module, path, entry)


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True},
            # they hold secrets, and a module's arguments are shown in verbose runs
            "contents": {"type": "dict", "default": {}, "no_log": True},
            "variables": {"type": "dict", "no_log": True},
        },
        supports_check_mode=True,
    )
    placed = []
    for entry in module.params["files"]:
        try:
            if place(module, entry):
                placed.append(entry["path"])
        except (Refused, OSError, KeyError) as error:
            module.exit_json(failed=True, changed=bool(placed), placed=placed, msg=f"{entry['path']}: {error}")
    if placed and not module.check_mode and os.path.isdir(os.path.dirname(UNSEALED)):
        with open(UNSEALED, "w"):  # what was placed is sealed anew by the next check of the node's files
            pass
    module.exit_json(changed=bool(placed), placed=placed)


if __name__ == "__main__":
    main()
