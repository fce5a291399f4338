"""A model bundle with everything that runs it over bags, loaded once for many of them."""

from __future__ import annotations

from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.grad_cam import GradCam
from gas_fusion_ros.model.runtimes import DeviceError, Runtime, create_runtime
from gas_fusion_ros.pipeline.settings import ClassifierSettings
from gas_fusion_ros.ros.messages import cv_bridge


class LoadedModelError(RuntimeError):
    """A model cannot be used; the message says why."""


class LoadedModel:
    """A bundle, its runtime and its alarm.

    Args:
        settings: which model, where it runs, and what is chosen for the alarm.
        bundle: the bundle.
        runtime: what runs it.

    Attributes:
        settings: as given.
        bundle: as given.
        runtime: as given.
        alarm: the alarm's settings, the model's advice included.

    Raises:
        SettingsError: the alarm's settings do not fit the model.
        LoadedModelError: the array that the settings name lacks a channel of the model.
    """

    def __init__(self, settings: ClassifierSettings, bundle: Bundle, runtime: Runtime) -> None:
        self.settings = settings
        self.bundle = bundle
        self.runtime = runtime
        self.alarm = settings.alarm_settings(bundle)
        if settings.channels:
            try:
                bundle.check_channels(settings.channels)
            except (BundleError, ValueError) as error:
                raise LoadedModelError(str(error)) from None
        self._grad_cam: GradCam | None = None

    @classmethod
    def load(cls, settings: ClassifierSettings) -> LoadedModel:
        """Load the model that the settings name.

        Raises:
            SettingsError: the alarm's settings do not fit the model.
            LoadedModelError: it cannot be loaded or run here.
        """
        try:
            cv_bridge()
            bundle = Bundle.load(find_bundle(settings.model))
            runtime = create_runtime(bundle, settings.device, settings.threads)
        except (BundleError, DeviceError, FileNotFoundError, ImportError) as error:
            raise LoadedModelError(str(error)) from error
        return cls(settings, bundle, runtime)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that are read from a message."""
        return self.settings.channels or self.bundle.channels

    def grad_cam(self) -> GradCam:
        """Return what explains the model's verdicts.

        Raises:
            GradCamUnavailable: it cannot be had here.
        """
        if self._grad_cam is None:
            self._grad_cam = GradCam(self.bundle)
        return self._grad_cam
