"""One instance: a Debian system container under systemd-nspawn, and the process that supervises it.

    python -m socle_lab.container DIRECTORY

DIRECTORY holds spec.json (a Spec), disk.raw, root (mount point), pid (of the supervisor), console.log. The Nova driver
writes the specification and starts or stops the supervisor; the supervisor boots the guest, boots it again when the
guest reboots, and ends when the guest powers off. It survives a restart of nova-compute.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

GRACE = 20  # seconds for an orderly shutdown; then the guest's PID 1 is killed and takes its PID namespace along
REBOOTS = 133  # exit status of nspawn when the guest asks for a reboot
CGROUPS = Path("/sys/fs/cgroup")
OVSDB = os.environ.get("SOCLE_OVSDB", "")


def run(*command, check=True):
    """The command's output; RuntimeError with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout.strip()


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@dataclass(frozen=True)
class Spec:
    """What an instance is. vifs: [{devname, address, id, mtu}]; volumes: {device: {path, id}}; disk: below DIRECTORY
    or absolute (boot from volume)."""

    uuid: str
    name: str
    host: str
    hostname: str
    memory_mb: int
    ovsdb: str
    disk: str = "disk.raw"
    vifs: list = field(default_factory=list)
    volumes: dict = field(default_factory=dict)


class Container:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.root = self.directory / "root"
        self.console = self.directory / "console.log"

    @property
    def exists(self):
        return (self.directory / "spec.json").exists()

    @property
    def spec(self):
        return Spec(**json.loads((self.directory / "spec.json").read_text()))

    def save(self, spec):
        new = self.directory / "spec.json.new"
        new.write_text(json.dumps(asdict(spec), indent=1))
        new.rename(self.directory / "spec.json")

    def change(self, **changes):
        self.save(replace(self.spec, **changes))

    @property
    def disk(self):
        return self.directory / self.spec.disk

    # processes: supervisor > nspawn > the guest's PID 1

    def pid(self):
        """Of the supervisor; 0 when it does not run. The command line guards against a number used again."""
        try:
            pid = int((self.directory / "pid").read_text())
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if str(self.directory).encode() in line else 0

    def leader(self):
        """The guest's PID 1; 0 when it does not run."""
        return next((leader for nspawn in children(self.pid()) for leader in children(nspawn)), 0)

    def start(self):
        if self.pid():
            return
        with self.console.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "socle_lab.container", str(self.directory)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOCLE_OVSDB": OVSDB},
            )
        (self.directory / "pid").write_text(str(process.pid))

    def stop(self):
        pid = self.pid()
        if not pid:
            return
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + GRACE + 15
        while self.pid() and time.monotonic() < end:
            with contextlib.suppress(ChildProcessError):  # ours, unless nova-compute was restarted
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.1)
        if self.pid():
            raise RuntimeError(f"the supervisor does not end: {self.directory}")

    def inside(self, *command):
        """Runs in the guest's mount and PID namespaces: with the first alone /proc/self is missing."""
        return run("nsenter", "-t", str(self.leader()), "-m", "-p", "--", *command, check=False)

    # disk

    def mount(self):
        self.root.mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(self.root):
            run("mount", "-o", "loop,discard", str(self.disk), str(self.root))

    def unmount(self):
        if os.path.ismount(self.root):
            run("umount", str(self.root), check=False)
        if os.path.ismount(self.root):
            run("umount", "-l", str(self.root))

    def grow(self, gib):
        """The file is sparse, its size is the guest's limit; it never shrinks."""
        if self.disk.stat().st_size < gib << 30:
            os.truncate(self.disk, gib << 30)
            run("e2fsck", "-fp", str(self.disk), check=False)
            run("resize2fs", str(self.disk))

    def copy_disk(self, target):
        """A consistent copy, shrunk to what it holds."""
        frozen = os.path.ismount(self.root)
        if frozen:
            run("fsfreeze", "-f", str(self.root))
        try:
            run("cp", "--sparse=always", "--reflink=auto", str(self.disk), str(target))
        finally:
            if frozen:
                run("fsfreeze", "-u", str(self.root))
        run("e2fsck", "-fp", str(target), check=False)
        run("resize2fs", "-M", str(target))

    # volumes: loop devices, under the names that a KVM cloud gives them

    @staticmethod
    def loop(path, make=True):
        known = run("losetup", "-n", "-O", "NAME", "-j", path, check=False).split("\n")[0]
        return known or (run("losetup", "-f", "--show", path) if make else "")

    @staticmethod
    def device_names(loop, device, volume):
        return [loop, device, "/dev/disk/by-id/virtio-" + volume["id"][:20]]

    def attach(self, device, volume):
        self.change(volumes={**self.spec.volumes, device: volume})
        if self.leader():
            loop = self.loop(volume["path"])
            minor = str(os.minor(os.stat(loop).st_rdev))
            self.inside("mkdir", "-p", "/dev/disk/by-id")
            for name in self.device_names(loop, device, volume):
                self.inside("mknod", "-m", "660", name, "b", "7", minor)

    def detach(self, device):
        volumes = dict(self.spec.volumes)
        volume = volumes.pop(device, None)
        self.change(volumes=volumes)
        if not volume:
            return
        loop = self.loop(volume["path"], make=False)
        if loop and self.leader():
            for name in self.device_names(loop, device, volume):
                self.inside("umount", name)  # bound at boot
                self.inside("rm", "-f", name)  # made by attach()
        if loop:
            run("losetup", "-d", loop, check=False)

    def release(self):
        """Gives back the loop devices of the volumes; the volumes stay in the specification."""
        for volume in self.spec.volumes.values():
            if loop := self.loop(volume["path"], make=False):
                run("losetup", "-d", loop, check=False)

    # network: a veth pair per port; the outer end is on OVN's integration bridge

    def ovs(self, *arguments):
        run("ovs-vsctl", "--db=" + self.spec.ovsdb, "--timeout=20", *arguments)

    def plug(self, vif, running=False):
        outer, inner = vif["devname"], "ens" + vif["id"][:8]
        self.unplug(vif)  # a port kept in OVS would stay on the device of the boot before: DHCP would never answer
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "address", vif["address"])
        for device in (outer, inner):
            run("ip", "link", "set", device, "mtu", str(vif["mtu"]))
        run("ethtool", "-K", inner, "tx", "off", check=False)  # else TCP is dead over the userspace datapath
        run("ip", "link", "set", outer, "up")
        if not os.path.exists("/run/udev/control"):  # no udevd: nspawn would wait for it for ever
            index = Path(f"/sys/class/net/{inner}/ifindex").read_text().strip()
            known = Path("/run/udev/data")
            known.mkdir(parents=True, exist_ok=True)
            (known / f"n{index}").write_text("I:1\n")
        if running:
            run("ip", "link", "set", inner, "netns", str(self.leader()))
        identity = {
            "iface-id": vif["id"],
            "iface-status": "active",
            "attached-mac": vif["address"],
            "vm-uuid": self.spec.uuid,
        }
        ids = [f"external_ids:{key}={value}" for key, value in identity.items()]
        self.ovs("add-port", "br-int", outer, "--", "set", "Interface", outer, *ids)
        return inner

    def unplug(self, vif):
        self.ovs("--if-exists", "del-port", "br-int", vif["devname"])
        run("ip", "link", "del", vif["devname"], check=False)

    # the supervisor

    def cgroups(self):
        """One cgroup per instance, in every tree: guests that share one would stop each other's services."""
        unified = (CGROUPS / "cgroup.controllers").exists()
        trees = [CGROUPS] if unified else [CGROUPS / name for name in ("unified", "systemd", "memory")]
        made = []
        for tree in filter(Path.is_dir, trees):
            own = tree / "instances" / self.spec.uuid
            own.mkdir(parents=True, exist_ok=True)
            for limit in (own / "memory.limit_in_bytes", own / "memory.max"):
                if limit.exists():
                    limit.write_text(str(self.spec.memory_mb << 20))
            (own / "cgroup.procs").write_text(str(os.getpid()))
            made.append(own)
        return made

    def leave(self, cgroups):
        for own in cgroups:
            (
                own.parent.parent / ("init/cgroup.procs" if (own.parent.parent / "init").is_dir() else "cgroup.procs")
            ).write_text(str(os.getpid()))
            for folder, _, _ in os.walk(own, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    def boot(self):
        spec = self.spec
        interfaces = [f"--network-interface={self.plug(vif)}" for vif in spec.vifs]
        binds = []
        for device, volume in spec.volumes.items():
            loop = self.loop(volume["path"])
            binds += [f"--bind={loop}:{name}" for name in self.device_names(loop, device, volume)]
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            f"--directory={self.root}",
            f"--machine={spec.hostname}",
            f"--hostname={spec.hostname}",
            # not --network-namespace-path: /sys would show the lab's interfaces and cloud-init gives up
            "--private-network",
            *interfaces,
            *binds,
            "--console=read-only",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--capability=CAP_NET_ADMIN",
            "--system-call-filter=@keyring bpf",  # podman
        ]
        environment = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
        return subprocess.Popen(command, env=os.environ | environment)

    def supervise(self):
        asked = []  # when SIGTERM came
        guest = None

        def stop(*_):
            asked.append(time.monotonic())
            if guest:
                guest.terminate()

        signal.signal(signal.SIGTERM, stop)
        cgroups = self.cgroups()
        try:
            while not asked:
                self.mount()
                guest = self.boot()
                if asked:
                    guest.terminate()
                while guest.poll() is None:
                    time.sleep(0.2)
                    if asked and time.monotonic() > asked[0] + GRACE:
                        for leader in children(guest.pid):
                            os.kill(leader, signal.SIGKILL)
                print("nspawn ended:", guest.returncode, flush=True)
                if guest.returncode != REBOOTS:
                    break
        finally:
            self.unmount()
            for vif in self.spec.vifs:  # nspawn has given the inner ends back
                self.unplug(vif)
            self.release()
            self.leave(cgroups)


if __name__ == "__main__":
    Container(sys.argv[1]).supervise()
