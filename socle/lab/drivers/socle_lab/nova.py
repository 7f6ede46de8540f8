"""Nova driver: an instance is a system container on an OVN port; `container.py` is one container.

Nova imports only `nova.virt.<compute_driver>`: the lab puts a module `nova/virt/socle.py` there that names this class.
What is inherited from the fake driver stays fake: pause, suspend, rescue, live migration, consoles, statistics.
"""

import os
from pathlib import Path

from nova import conf, exception
from nova.api.metadata import base as metadata
from nova.compute import power_state, task_states
from nova.image import glance
from nova.virt import fake, hardware
from oslo_concurrency import lockutils
from oslo_log import log as logging

from socle_lab.container import OVSDB, Container, Spec, run

CONF = conf.CONF
LOG = logging.getLogger(__name__)
MEMORY_MB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


class NspawnDriver(fake.FakeDriverWithoutFakeNodes):  # the other fake driver makes a new node at each start
    vcpus, memory_mb, local_gb = 16, MEMORY_MB, 400  # told to placement; memory is enforced per instance, CPU shared

    def _container(self, instance):
        return Container(os.path.join(CONF.instances_path, instance.uuid))

    def init_host(self, host):
        super().init_host(host)
        for file in Path(CONF.instances_path).glob("*/spec.json"):  # nova-compute was restarted, or the lab
            spec = Container(file.parent).spec
            if spec.host == host:
                self.instances[spec.uuid] = fake.FakeInstance(spec.name, power_state.RUNNING, spec.uuid)

    # life

    def _image(self, context, image_id):
        """The image's file, downloaded once for all hosts."""
        raw = os.path.join(CONF.instances_path, "_base", image_id)
        with lockutils.lock("socle-image-" + image_id, external=True, lock_path="/lab/run/nova"):
            if not os.path.exists(raw):
                os.makedirs(os.path.dirname(raw), exist_ok=True)
                glance.API().download(context, image_id, dest_path=raw + ".part")
                os.rename(raw + ".part", raw)
        return raw

    @staticmethod
    def _vif(vif):
        mtu = vif["network"]["meta"].get("mtu") or 1500
        return {"devname": vif["devname"], "address": vif["address"], "id": vif["id"], "mtu": mtu}

    def spawn(self, context, instance, image_meta, injected_files, admin_password, allocations,
              network_info=None, block_device_info=None, power_on=True, accel_info=None):  # fmt: skip
        container = self._container(instance)
        container.directory.mkdir(parents=True, exist_ok=True)
        devices = block_device_info or {}
        mapping = devices.get("block_device_mapping", [])
        volumes = {entry["mount_device"]: self._volume(entry["connection_info"]) for entry in mapping}
        boot_volume = volumes.pop(devices.get("root_device_name"), None)
        container.save(
            Spec(
                uuid=instance.uuid,
                name=instance.name,
                host=self._host,
                hostname=instance.hostname,
                memory_mb=instance.flavor.memory_mb,
                ovsdb=OVSDB,
                disk=boot_volume["path"] if boot_volume else "disk.raw",
                vifs=[self._vif(vif) for vif in network_info or []],
                volumes=volumes,
            )
        )
        if not boot_volume:
            base = self._image(context, instance.image_ref)
            run("cp", "--sparse=always", "--reflink=auto", base, str(container.disk))
            container.grow(instance.flavor.root_gb)
        container.mount()
        self._write_metadata(container, instance, injected_files, admin_password, network_info)
        super().spawn(context, instance, image_meta, injected_files, admin_password, allocations,
                      network_info, block_device_info, power_on)  # fmt: skip
        if power_on:
            self._start_plugged(container, instance, network_info)

    def _start_plugged(self, container, instance, network_info):
        """ACTIVE means plugged: Neutron tells when OVN has bound the port."""
        events = [("network-vif-plugged", vif["id"]) for vif in network_info or [] if vif.get("active") is False]
        timeout = CONF.vif_plugging_timeout
        try:
            with self.virtapi.wait_for_instance_event(instance, events, timeout=timeout):
                container.start()
        except exception.InstanceEventTimeout as error:
            LOG.warning("ports were not plugged in time: %s", events, instance=instance)
            if CONF.vif_plugging_is_fatal:
                raise exception.VirtualInterfaceCreateException from error

    def _write_metadata(self, container, instance, files, admin_password, network_info):
        """cloud-init's ConfigDrive source, as a folder instead of a disk."""
        extra = {"admin_pass": admin_password} if admin_password else {}
        data = metadata.InstanceMetadata(instance, content=files, extra_md=extra, network_info=network_info)
        for path, content in data.metadata_for_config_drive():
            file = container.root / "var/lib/cloud/seed/config_drive" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        (container.root / "var/lib/cloud/seed").chmod(0o700)  # user data is nobody else's to read

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._container(instance).stop()
        super().power_off(instance)

    def power_on(self, context, instance, network_info, *arguments, **options):
        super().power_on(context, instance, network_info, *arguments, **options)
        self._container(instance).start()

    def reboot(self, context, instance, *arguments, **options):
        self._container(instance).stop()
        self._container(instance).start()

    def resume_state_on_host_boot(self, context, instance, *arguments, **options):
        self._container(instance).start()

    def destroy(self, context, instance, network_info, block_device_info=None, destroy_disks=True,
                destroy_secrets=True):  # fmt: skip
        container = self._container(instance)
        if container.exists:
            container.stop()
            for vif in container.spec.vifs:
                container.unplug(vif)
            for device in container.spec.volumes:
                container.detach(device)
            container.unmount()
            if destroy_disks:
                run("rm", "-rf", "--one-file-system", str(container.directory))
        super().destroy(context, instance, network_info, block_device_info, destroy_disks)

    def get_info(self, instance, use_cache=True):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        running = self._container(instance).pid()
        return hardware.InstanceInfo(state=power_state.RUNNING if running else power_state.SHUTDOWN)

    def get_console_output(self, context, instance):
        console = self._container(instance).console
        return console.read_bytes()[-65536:] if console.exists() else b""

    # resize and cold migration: the hosts share one instances_path

    def check_instance_shared_storage_local(self, context, instance):
        return None

    def migrate_disk_and_power_off(self, context, instance, *arguments, **options):
        self._container(instance).stop()
        return "{}"

    def finish_migration(self, context, migration, instance, disk_info, network_info, image_meta, resize_instance,
                         allocations, block_device_info=None, power_on=True):  # fmt: skip
        # the parent's finish_migration would call the spawn of this class
        super().spawn(context, instance, image_meta, None, None, allocations, None, block_device_info, power_on)
        self._arrive(instance, power_on)

    def confirm_migration(self, context, migration, instance, network_info):
        if migration.source_compute != migration.dest_compute:
            super().destroy(context, instance, network_info)

    def finish_revert_migration(self, context, instance, network_info, migration, block_device_info=None,
                                power_on=True):  # fmt: skip
        super().finish_revert_migration(context, instance, network_info, migration, block_device_info, power_on)
        self._arrive(instance, power_on)  # the disk keeps the larger size

    def _arrive(self, instance, power_on):
        container = self._container(instance)
        container.change(host=self._host, memory_mb=instance.flavor.memory_mb)
        if container.spec.disk == "disk.raw":
            container.grow(instance.flavor.root_gb)
        if power_on:
            container.start()

    def snapshot(self, context, instance, image_id, update_task_state):
        container, api = self._container(instance), glance.API()
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        copy = container.directory / "snapshot"
        container.copy_disk(copy)
        update_task_state(task_state=task_states.IMAGE_UPLOADING, expected_state=task_states.IMAGE_PENDING_UPLOAD)
        name = api.get(context, image_id)["name"]
        image = {"name": name, "status": "active", "disk_format": "raw", "container_format": "bare"}
        with copy.open("rb") as stream:
            api.update(context, image_id, image, stream, purge_props=False)
        copy.unlink()

    # attachments

    def default_root_device_name(self, instance, image_meta, root_bdm):
        return "/dev/vda"  # volumes are then vdb, vdc...

    @staticmethod
    def _volume(connection):
        return {"path": connection["data"]["device_path"], "id": connection["data"]["volume_id"]}

    def attach_volume(self, context, connection_info, instance, mountpoint, *arguments, **options):
        self._container(instance).attach(mountpoint, self._volume(connection_info))

    def detach_volume(self, context, connection_info, instance, mountpoint, encryption=None):
        self._container(instance).detach(mountpoint)

    def extend_volume(self, context, connection_info, instance, requested_size):
        run("losetup", "-c", Container.loop(connection_info["data"]["device_path"]))

    def attach_interface(self, context, instance, image_meta, vif):
        super().attach_interface(context, instance, image_meta, vif)
        container = self._container(instance)
        container.change(vifs=[*container.spec.vifs, self._vif(vif)])
        container.plug(self._vif(vif), running=bool(container.leader()))

    def detach_interface(self, context, instance, vif):
        super().detach_interface(context, instance, vif)
        container = self._container(instance)
        container.change(vifs=[known for known in container.spec.vifs if known["id"] != vif["id"]])
        container.unplug(vif)
