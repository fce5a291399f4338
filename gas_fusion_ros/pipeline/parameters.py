"""The parameters of the classifier, of the live node and of an evaluation alike."""

from __future__ import annotations

from gas_fusion_ros.alarm.defaults import default_classes
from gas_fusion_ros.alarm.types import AlarmSettings, Severity
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.runtimes import DEVICES
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.settings.parameter_spec import AdvisedSpec, ParameterSpec

POSE_TYPES = ("PoseStamped", "PoseWithCovarianceStamped", "Odometry")
"""What the topic of the robot's pose may be of."""
NO_STATE_FILE = "none"
"""Value of the parameter `state_file` that keeps no alarm over a restart."""

MODEL_SPECS = (
    ParameterSpec("model", DEFAULT_MODEL, "model bundle: a name below models/ or a folder"),
    ParameterSpec("device", "auto", "where the network runs", choices=DEVICES),
    ParameterSpec("threads", 1, "inference threads on the CPU", minimum=1, maximum=64),
    ParameterSpec(
        "channels",
        list(PAPER_CHANNELS),
        "channels of the gas array; they must be the model's",
        read_only=True,
    ),
    ParameterSpec(
        "inbox",
        1,
        "observations that may wait; beyond it the newest replaces the oldest",
        minimum=1,
        maximum=100_000,
    ),
)

_PAIRING = PairingSettings()

PAIRING_SPECS = (
    ParameterSpec(
        "pairing.slop",
        _PAIRING.slop_ns / NANOSECONDS_PER_SECOND,
        "largest offset between a reading and its image, s",
        minimum=0.0,
        maximum=10.0,
    ),
    ParameterSpec(
        "pairing.wait",
        _PAIRING.wait_ns / NANOSECONDS_PER_SECOND,
        "how long a reading waits for its image, s",
        minimum=0.0,
        maximum=10.0,
    ),
    ParameterSpec(
        "pairing.min_image_interval",
        _PAIRING.min_image_interval_ns / NANOSECONDS_PER_SECOND,
        "shortest time between two images, s: a reading goes on before the next image where that cannot "
        "be nearer; 0 assumes nothing",
        minimum=0.0,
        maximum=10.0,
    ),
    ParameterSpec(
        "pairing.future_tolerance",
        _PAIRING.future_tolerance_ns / NANOSECONDS_PER_SECOND,
        "how far ahead of the clock a stamp may be, s",
        minimum=0.0,
        maximum=3600.0,
    ),
    ParameterSpec(
        "pairing.reset_jump",
        _PAIRING.reset_jump_ns / NANOSECONDS_PER_SECOND,
        "time going back by more than this clears history, s",
        minimum=0.001,
        maximum=3600.0,
    ),
    ParameterSpec(
        "pairing.silence",
        _PAIRING.silence_ns / NANOSECONDS_PER_SECOND,
        "without a reading for this long, images go on alone, s",
        minimum=0.1,
        maximum=3600.0,
    ),
    ParameterSpec(
        "pairing.thermal_only_period",
        _PAIRING.thermal_only_period_ns / NANOSECONDS_PER_SECOND,
        "time between two images that go on alone, s",
        minimum=0.0,
        maximum=60.0,
    ),
    ParameterSpec(
        "pairing.image_history",
        _PAIRING.image_history,
        "images kept for readings that come late",
        minimum=1,
        maximum=1000,
    ),
)

SOURCE_SPECS = (
    ParameterSpec(
        "expect_images",
        True,
        "whether a thermal camera belongs to the robot, so that its silence is told of",
    ),
)

ALARM_SPECS = (
    ParameterSpec(
        "alarm.critical_classes",
        default_classes(Severity.CRITICAL),
        "gases whose leak is critical, Unknown among them or not; [''] for none",
    ),
    ParameterSpec(
        "alarm.warning_classes",
        default_classes(Severity.WARNING),
        "gases whose leak is a warning, Unknown among them or not; [''] for none",
    ),
    AdvisedSpec.within(
        "alarm.on_threshold", "leak probability from which a leak is suspected", least=0.001, maximum=1.0
    ),
    AdvisedSpec.within(
        "alarm.off_threshold", "leak probability below which a leak counts as gone", least=0.001, maximum=1.0
    ),
    AdvisedSpec.within(
        "alarm.on_delay", "how long a leak is suspected before the alarm, s", least=0.0, maximum=600.0
    ),
    AdvisedSpec.within(
        "alarm.off_delay",
        "how long a leak must be gone before the alarm lets go, s",
        least=0.0,
        maximum=3600.0,
    ),
    ParameterSpec(
        "alarm.timeout",
        AlarmSettings.timeout_ns / NANOSECONDS_PER_SECOND,
        "without a valid reading for this long, a fault stands, s",
        minimum=0.1,
        maximum=3600.0,
    ),
    ParameterSpec(
        "alarm.shelve_time",
        600.0,
        "for how long an alarm that an operator shelves stays muted, s",
        minimum=1.0,
        maximum=86400.0,
    ),
    ParameterSpec(
        "state_file",
        "",
        "file that keeps the standing alarms over a restart; empty for alarms/<node>.json below "
        f"$ROS_HOME/gas_fusion_ros, '{NO_STATE_FILE}' for none",
    ),
    ParameterSpec("event_log", "", "file that gets a JSON line for each alarm event; empty for none"),
    ParameterSpec(
        "event_log_size",
        10.0,
        "size from which on the event log is begun anew, MB; its older part stays beside it as *.1",
        minimum=0.1,
        maximum=10_000.0,
    ),
    ParameterSpec("pose_topic", "", "topic of the robot's pose, for the event log; empty for none"),
    ParameterSpec("pose_type", "PoseStamped", "type of the pose topic", choices=POSE_TYPES),
)

SPECS = (*MODEL_SPECS, *PAIRING_SPECS, *SOURCE_SPECS, *ALARM_SPECS)
"""Every parameter of the node `gas_classifier`."""
