#!/usr/bin/python
# ruff: noqa: PTH103, PTH110, PTH116, PTH118, PTH123
"""Units that are enabled, active, and were started after the last change of the files they read."""

from __future__ import annotations

DOCUMENTATION = """
module: service_current
short_description: Starts or restarts units so that they run with their files as they are
description:
  - Compares the time of the unit's start with the time of its files' last change.
  - No handler is needed, so a run that was killed between a file and a restart is completed by the next.
options:
  units:
    description: The units, in the order in which they are brought up.
    type: list
    elements: dict
    required: true
    suboptions:
      unit:
        description: The unit, with its suffix.
        type: str
        required: true
      files:
        description: Files that the unit reads when it starts.
        type: list
        elements: str
        default: []
      reload:
        description: The unit can read its files again without a restart.
        type: bool
        default: false
author: Socle
"""

EXAMPLES = """
- name: "Run coturn with its files as they are."
  service_current:
    units:
      - {unit: coturn.service, files: [/etc/turnserver.conf]}
"""

RETURN = """
action:
  description: What was done to which unit, e.g. C(nginx reloaded); empty when nothing was.
  type: list
  returned: always
"""

import os  # noqa: E402
import time  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

STAMPS = "/run/socle"
SHOWN = (
    "LoadState,ActiveState,UnitFileState,NeedDaemonReload,InactiveExitTimestampMonotonic,FragmentPath,SourcePath,"
    "DropInPaths,Result"
)


class Refused(Exception):
    """A unit that does not do what it should."""


def systemctl(module, *arguments):
    return module.run_command(["systemctl", *arguments])


def shown(module, unit):
    _rc, out, _err = systemctl(module, "show", unit, "-p", SHOWN)
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def last_change(files):
    """Seconds since the epoch; a folder's own time counts, not what is in it."""
    return max((os.stat(path).st_mtime for path in files if os.path.exists(path)), default=0.0)


def read_at(unit, properties):
    """When the running unit last read its files, in seconds since the epoch."""
    monotonic = int(properties["InactiveExitTimestampMonotonic"]) / 1e6
    started = time.time() - (time.clock_gettime(time.CLOCK_MONOTONIC) - monotonic)
    stamp = os.path.join(STAMPS, unit)
    return max(started, os.stat(stamp).st_mtime) if os.path.exists(stamp) else started


def stamp_now(unit):
    os.makedirs(STAMPS, mode=0o755, exist_ok=True)
    path = os.path.join(STAMPS, unit)
    with open(path, "w"):
        os.utime(path)


def needed(unit, properties, files, can_reload):
    """What must be done to the unit: '', 'start', 'restart' or 'reload'."""
    if properties["ActiveState"] not in ("active", "activating", "reloading"):
        return "start"
    units = [properties["FragmentPath"], properties["SourcePath"], *properties["DropInPaths"].split()]
    since = read_at(unit, properties)
    # not what generators write: they write it again at every daemon-reload
    if last_change([path for path in units if path.startswith("/etc/")]) > since:
        return "restart"
    if last_change(files) > since:
        return "reload" if can_reload else "restart"
    return ""


def bring_up(module, unit, files, can_reload):
    """What was done, in words."""
    properties = shown(module, unit)
    if properties["NeedDaemonReload"] == "yes" or properties["LoadState"] == "not-found":
        systemctl(module, "daemon-reload")
        properties = shown(module, unit)
    if properties["LoadState"] != "loaded":
        raise Refused(f"{unit} is {properties['LoadState']}")
    done = []
    todo = needed(unit, properties, files, can_reload)
    enable = properties["UnitFileState"] == "disabled"
    if module.check_mode:
        return [word for word, wanted in (("enable", enable), (todo, todo)) if wanted]
    if enable:
        rc, _out, err = systemctl(module, "enable", "--quiet", unit)
        if rc != 0:
            raise Refused(f"{unit} cannot be enabled: {err.strip()}")
        done.append("enabled")
    if todo:
        if todo == "start":
            systemctl(module, "reset-failed", unit)
        if todo == "reload":
            stamp_now(unit)  # before: a file that changes while it is read is read again by the next run
        rc, _out, err = systemctl(module, todo, unit)
        if rc != 0:
            _rc, log, _err = module.run_command(["journalctl", "-q", "-u", unit, "-n", "5", "-o", "cat", "--no-pager"])
            reason = " / ".join(line.strip() for line in (log or err).strip().splitlines()[-5:])
            raise Refused(f"{unit} does not {todo}: {reason}")
        done.append({"start": "started", "restart": "restarted", "reload": "reloaded"}[todo])
    return done


def main():
    one = {
        "unit": {"type": "str", "required": True},
        "files": {"type": "list", "elements": "str", "default": []},
        "reload": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={"units": {"type": "list", "elements": "dict", "required": True, "options": one}},
        supports_check_mode=True,
    )
    actions = []
    for entry in module.params["units"]:
        unit = entry["unit"]
        try:
            done = bring_up(module, unit, entry["files"], entry["reload"])
        except Refused as error:
            module.fail_json(msg=str(error), action=actions)
        actions += [f"{unit.rpartition('.')[0]} {word}" for word in done]
    module.exit_json(changed=bool(actions), action=actions)


if __name__ == "__main__":
    main()
