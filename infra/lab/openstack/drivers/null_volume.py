"""A Cinder driver that says yes: volumes are rows in a database and hold no byte."""

from __future__ import annotations

from typing import Any

from cinder import interface
from cinder.volume import driver


@interface.volumedriver
class NullVolumeDriver(driver.VolumeDriver):  # type: ignore[misc]
    """Every operation succeeds at once; an image is "cloned", so nothing is downloaded."""

    VERSION = "1.0"

    def do_setup(self, context: object) -> None:
        """Nothing to set up."""

    def check_for_setup_error(self) -> None:
        """Nothing that could be wrong."""

    def create_volume(self, *_: object) -> dict[str, Any]:
        return {}

    create_volume_from_snapshot = create_cloned_volume = create_export = create_volume

    def clone_image(self, *_: object) -> tuple[dict[str, Any], bool]:
        return {}, True

    def delete_volume(self, *_: object, **__: object) -> None:
        """Nothing to delete."""

    create_snapshot = delete_snapshot = extend_volume = delete_volume
    ensure_export = remove_export = terminate_connection = delete_volume
    copy_image_to_volume = copy_volume_to_image = delete_volume

    def initialize_connection(self, volume: Any, _: object) -> dict[str, Any]:
        return {
            "driver_volume_type": "fake",
            "data": {"volume_id": volume.id, "access_mode": "rw"},
        }

    def retype(self, *_: object) -> bool:
        return True

    def _update_volume_stats(self) -> None:
        self._stats = {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name"),
            "vendor_name": "Biletter",
            "driver_version": self.VERSION,
            "storage_protocol": "fake",
            "total_capacity_gb": 1_000_000,
            "free_capacity_gb": 900_000,
            "reserved_percentage": 0,
            "QoS_support": False,
            "multiattach": True,
            "thin_provisioning_support": True,
            "max_over_subscription_ratio": 20,
        }
