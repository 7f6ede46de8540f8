"""Cinder driver: a volume is one sparse file; an instance sees it as a loop device (`container.py`)."""

import os
import subprocess

from cinder import interface
from cinder.image import image_utils
from cinder.volume import driver, volume_utils
from oslo_config import cfg

GIB = 1 << 30
SHOWN_GIB = 1000  # capacity that the scheduler is told; quotas and the disk are the real limits


@interface.volumedriver
class FileDriver(driver.VolumeDriver):
    VERSION = "1.0"
    CI_WIKI_NAME = "none"

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.folder = os.path.join(cfg.CONF.state_path, "volumes")
        os.makedirs(self.folder, mode=0o700, exist_ok=True)

    def _file(self, thing):
        return os.path.join(self.folder, thing["name"])

    def _copy(self, source, target, size=None):
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True)
        if size:
            os.truncate(target, size * GIB)

    def check_for_setup_error(self):
        pass

    def create_volume(self, volume):
        path = self._file(volume)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        os.truncate(path, volume["size"] * GIB)

    def delete_volume(self, volume):
        path = self._file(volume)
        if os.path.exists(path):
            os.unlink(path)

    def create_snapshot(self, snapshot):
        self._copy(self._file(snapshot["volume"]), self._file(snapshot))

    def delete_snapshot(self, snapshot):
        self.delete_volume(snapshot)

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(self._file(snapshot), self._file(volume), volume["size"])

    def create_cloned_volume(self, volume, src_vref):
        self._copy(self._file(src_vref), self._file(volume), volume["size"])

    def extend_volume(self, volume, new_size):
        os.truncate(self._file(volume), new_size * GIB)

    def copy_image_to_volume(self, context, volume, image_service, image_id, disable_sparse=False):
        image_utils.fetch_to_raw(
            context,
            image_service,
            image_id,
            self._file(volume),
            self.configuration.volume_dd_blocksize,
            size=volume["size"],
            disable_sparse=disable_sparse,
        )
        os.truncate(self._file(volume), volume["size"] * GIB)

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        volume_utils.upload_volume(context, image_service, image_meta, self._file(volume), volume)

    # the compute host is this machine: the file itself is the connection

    def initialize_connection(self, volume, connector, **options):
        return {
            "driver_volume_type": "local",
            "data": {"device_path": self._file(volume), "volume_id": volume["id"]},
        }

    def terminate_connection(self, volume, connector, **options):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def get_volume_stats(self, refresh=False):
        return {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name"),
            "vendor_name": "socle",
            "driver_version": self.VERSION,
            "storage_protocol": "local",
            "total_capacity_gb": SHOWN_GIB,
            "free_capacity_gb": SHOWN_GIB,
            "provisioned_capacity_gb": 0,
            "reserved_percentage": 0,
            "QoS_support": False,
            "multiattach": False,
            "thin_provisioning_support": True,
            "max_over_subscription_ratio": "20",
            "online_extend_support": True,
        }
