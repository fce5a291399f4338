"""`gas-fusion watch`: a robot, a bag being played, or a fleet, in a browser."""

# ruff: noqa: UP045
# No `from __future__ import annotations`, see cli.py.

import threading
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.commands.options import GasTopic, ImageTopic
from gas_fusion_ros.commands.terminal import complain_of, ends_on_signals, fail, say, without_ros
from gas_fusion_ros.commands.watched_fleet import FleetOptionError, FleetOptions, watch_fleet
from gas_fusion_ros.fleet.settings import TlsSettings
from gas_fusion_ros.watch.access import DEFAULT_HOST, DEFAULT_PORT, TOKEN_VARIABLE, Access, AccessError

if TYPE_CHECKING:
    from gas_fusion_ros.watch.judge import Judge

MOST_SPEED = 1000.0


class PoseType(str, Enum):
    """What the robot's pose comes as."""

    POSE_STAMPED = "PoseStamped"
    POSE_WITH_COVARIANCE = "PoseWithCovarianceStamped"
    ODOMETRY = "Odometry"


class ImageTransport(str, Enum):
    """How thermal images come."""

    RAW = "raw"
    COMPRESSED = "compressed"


class WatchError(ValueError):
    """Nothing can be watched; the message says why."""


@ends_on_signals
def watch(
    bag: Annotated[
        Optional[Path], typer.Argument(help="rosbag2 directory or file to play.", show_default=False)
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Watch a robot over ROS instead.")] = False,
    broker: Annotated[
        Optional[str],
        typer.Option(
            metavar="HOST[:PORT]",
            help="Watch a fleet instead, at the MQTT 5 broker that alarm_relay tells; port 8883, "
            "or 1883 with --no-tls.",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(help="Seconds of the bag in a second, at most.", min=0.01, max=MOST_SPEED),
    ] = 1.0,
    host: Annotated[
        str,
        typer.Option(help="Address to serve at; one that other machines reach needs a --token."),
    ] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option(help="Port to serve at; 0 for any that is free.", min=0, max=65535)
    ] = DEFAULT_PORT,
    token: Annotated[
        str,
        typer.Option(
            envvar=TOKEN_VARIABLE,
            help="What a page must show to acknowledge and shelve alarms, 16 to 256 letters and digits. "
            "Unless given pages are for reading.",
            show_default=False,
        ),
    ] = "",
    site: Annotated[
        Optional[Path],
        typer.Option(
            help="File that keeps what operators say of alarms: the site's, as leak_mapper has it. Of a bag "
            "unless given one beside it; of a robot none.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(
            help="Of a bag: model bundle, a name below models/ or a folder.", show_default=DEFAULT_MODEL
        ),
    ] = None,
    params: Annotated[
        Optional[Path],
        typer.Option(
            help="Of a bag: parameter file of gas_classifier and leak_mapper. config/replay.yaml unless "
            "given."
        ),
    ] = None,
    gas_topic: GasTopic = None,
    image_topic: ImageTopic = None,
    namespace: Annotated[str, typer.Option(help="Of a robot: its namespace.")] = "",
    pose_topic: Annotated[
        Optional[str], typer.Option(help="Topic of the robot's pose.", show_default="pose")
    ] = None,
    pose_type: Annotated[PoseType, typer.Option(help="Of a robot: type of that topic.")] = (
        PoseType.POSE_STAMPED
    ),
    image_transport: Annotated[
        ImageTransport, typer.Option(help="Of a robot: how its images come.")
    ] = ImageTransport.RAW,
    topic_prefix: Annotated[
        str, typer.Option(help="Of a fleet: what all topics at the broker begin with.")
    ] = "gas_fusion",
    credentials_file: Annotated[
        Optional[Path],
        typer.Option(help="Of a fleet: YAML file with username and password, as alarm_relay takes it."),
    ] = None,
    no_tls: Annotated[
        bool, typer.Option("--no-tls", help="Of a fleet: speak to the broker in the clear.")
    ] = False,
    ca_file: Annotated[
        Optional[Path],
        typer.Option(
            help="Of a fleet: PEM file of the authorities that may vouch for the broker.",
            show_default="those of the system",
        ),
    ] = None,
    certificate_file: Annotated[
        Optional[Path],
        typer.Option(help="Of a fleet: PEM file of an own certificate, for brokers that ask for one."),
    ] = None,
    key_file: Annotated[
        Optional[Path], typer.Option(help="Of a fleet: PEM file of its key, where that is another file.")
    ] = None,
) -> None:
    """Show a robot, a bag being played, or a fleet, in a browser: map, readings, classes, alarms."""
    try:
        access = Access(host, port, token)
        if sum((live, bag is not None, broker is not None)) != 1:
            raise WatchError("name a bag to play, --live for a robot, or --broker for a fleet: one of them")
        with suppress(KeyboardInterrupt):
            if broker is not None:
                tls = TlsSettings(not no_tls, *map(_text, (ca_file, certificate_file, key_file)))
                watch_fleet(FleetOptions(broker, topic_prefix, credentials_file, tls), access)
            elif bag is None:
                _watch_robot(access, namespace, pose_topic, pose_type, image_transport, site)
            else:
                _watch_bag(bag, access, speed, model, params, (gas_topic, image_topic, pose_topic), site)
    except (AccessError, FleetOptionError, WatchError) as error:
        fail(str(error))


def _watch_robot(
    access: Access,
    namespace: str,
    pose_topic: Optional[str],
    pose_type: PoseType,
    image_transport: ImageTransport,
    site: Optional[Path],
) -> None:
    # Imported here, as below: only this needs ROS.
    try:
        from gas_fusion_ros.nodes.listening import ListeningError, listening
        from gas_fusion_ros.nodes.robot_listener import RobotListener, RobotTopics
    except ImportError as error:
        raise WatchError(without_ros(error)) from error
    from gas_fusion_ros.watch.robot_ear import RobotEar
    from gas_fusion_ros.watch.server import WatchServer
    from gas_fusion_ros.watch.watched import Watched

    watched = Watched(
        f"robot {namespace}" if namespace else "robot", judge=_judge(access, site, namespace.strip("/"))
    )
    topics = RobotTopics("pose" if pose_topic is None else pose_topic, pose_type.value, image_transport.value)
    try:
        with (
            listening(
                lambda context: RobotListener(
                    topics, RobotEar(watched), watched.problems, context=context, namespace=namespace
                )
            ) as listener,
            WatchServer(watched, access, listener) as server,
        ):
            _say_where(server.address_with_token, access)
            threading.Event().wait()
    except ListeningError as error:
        raise WatchError(str(error)) from None


def _watch_bag(
    bag: Path,
    access: Access,
    speed: float,
    model: Optional[str],
    params: Optional[Path],
    topics: tuple[Optional[str], Optional[str], Optional[str]],
    site: Optional[Path],
) -> None:
    from gas_fusion_ros.bags.reader import BagReader, BagReadError
    from gas_fusion_ros.bags.topics import BagTopics, TopicError, find_topics, robot_of
    from gas_fusion_ros.base.problems import Problems
    from gas_fusion_ros.evaluation.loaded_model import LoadedModel, LoadedModelError
    from gas_fusion_ros.pipeline.mapper_settings import read_mapper_settings
    from gas_fusion_ros.pipeline.settings import SettingsError, read_settings, replay_parameters_file
    from gas_fusion_ros.site.verdicts import sidecar_of
    from gas_fusion_ros.watch.bag_player import BagPlayer
    from gas_fusion_ros.watch.server import WatchServer
    from gas_fusion_ros.watch.watched import Watched

    problems = Problems()
    gas_topic, image_topic, pose_topic = topics
    try:
        file = params if params is not None else replay_parameters_file()
        settings = read_settings(file, {} if model is None else {"model": model})
        mapping = read_mapper_settings(file)
        loaded = LoadedModel.load(settings)
        with BagReader(bag, problems) as reader:
            wanted = BagTopics(gas=gas_topic, image=image_topic, pose=pose_topic)
            found = find_topics(
                reader.topics, wanted, problems, ("label", "leaks"), reader.first_messages
            ).topics
            if found.gas is None and found.image is None:
                complain_of(problems)
                raise WatchError(f"{shown(bag)} has neither gas readings nor thermal images")
            judge = _judge(access, site or sidecar_of(bag), robot_of(found.gas))
            title = f"{bag.name}, played at up to {speed:g} times its speed"
            watched = Watched(title, judge=judge, problems=problems)
            player = BagPlayer(reader, found, loaded, watched, speed, mapping)
            with WatchServer(watched, access, player) as server:
                _say_where(server.address_with_token, access)
                player.play()
                complain_of(watched.problems)
                say("the recording has ended; Ctrl-C ends this too")
                threading.Event().wait()
    except (BagReadError, TopicError, SettingsError, LoadedModelError) as error:
        raise WatchError(str(error)) from None


def _judge(access: Access, file: Optional[Path], robot: str) -> "Optional[Judge]":
    """Who keeps what operators say; None where nobody may write, or there is no file."""
    from gas_fusion_ros.site.site_file import SiteError
    from gas_fusion_ros.watch.judge import Judge

    if file is None or not access.may_write:
        return None
    try:
        return Judge(file, robot)
    except SiteError as error:
        raise WatchError(str(error)) from None


def _say_where(address: str, access: Access) -> None:
    reading = "" if access.may_write else f" to read only, as no --token or {TOKEN_VARIABLE} is given"
    say(f"open {address} in a browser{reading}; Ctrl-C ends this")


def _text(path: Optional[Path]) -> str:
    return "" if path is None else str(path)
