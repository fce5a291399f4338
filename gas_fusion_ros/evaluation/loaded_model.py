"""A model bundle with everything that runs it over bags, loaded once for many of them."""

from __future__ import annotations

from pathlib import Path

from gas_fusion_ros.array.array_file import ArrayFileError
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.classifier import Classifier, ClassifierError
from gas_fusion_ros.model.grad_cam import GradCam
from gas_fusion_ros.model.runtimes import DeviceError, Runtime, create_runtime
from gas_fusion_ros.pipeline.array_choice import KnownArray, array_of_file
from gas_fusion_ros.pipeline.offline import Pipeline, PipelineListener, PipelineSettings
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
        array: the array of the file that the settings name; None without one.

    Raises:
        SettingsError: the alarm's settings do not fit the model.
        LoadedModelError: the channels that the settings name lack one of the model, or the model cannot go by
            the array of the file.
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
        self.array = self._load_array()
        self._grad_cam: GradCam | None = None

    def pipeline(self, problems: Problems, listener: PipelineListener) -> Pipeline:
        """Return what plays a bag's messages with all of this; see `Pipeline`."""
        settings = self.settings
        chosen = PipelineSettings(
            settings.pairing,
            self.alarm,
            settings.channels,
            self.array,
            settings.tracking,
            settings.allow_reproduction,
            settings.raw,
        )
        return Pipeline(self.bundle, self.runtime, chosen, problems, listener)

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
            runtime = create_runtime(bundle, settings.device, settings.threads, settings.precision)
        except (BundleError, DeviceError, FileNotFoundError, ImportError) as error:
            raise LoadedModelError(str(error)) from error
        return cls(settings, bundle, runtime)

    def _load_array(self) -> KnownArray | None:
        try:
            known = array_of_file(self.settings.array_file)
            if known is not None:
                # Refuses at once what every bag would be refused for.
                Classifier(self.bundle, self.runtime, known.array)
        except ArrayFileError as error:
            raise LoadedModelError(str(error)) from None
        except ClassifierError as error:
            raise LoadedModelError(f"array file {shown(Path(self.settings.array_file))}: {error}") from None
        return known

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that are read from a message."""
        return self.settings.channels or self.bundle.channels

    @property
    def reach_ns(self) -> int:
        """How long after a reading or image something may fall due by time alone, nanoseconds."""
        # A reading may wait for its image, and silence count from the end of its wait.
        return 2 * self.settings.pairing.wait_ns + self.alarm.timeout_ns

    def grad_cam(self) -> GradCam:
        """Return what explains the model's verdicts.

        Raises:
            GradCamUnavailable: it cannot be had here.
        """
        if self._grad_cam is None:
            self._grad_cam = GradCam(self.bundle)
        return self._grad_cam
