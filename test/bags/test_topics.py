"""The topics that matter are found by name, by namespace and by type, and every doubt is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.bags.reader import BagTopic
from gas_fusion_ros.bags.topics import BagTopics, TopicError, find_topics
from gas_fusion_ros.base.problems import Problems

CLOUD = "sensor_msgs/msg/PointCloud2"
IMAGE = "sensor_msgs/msg/Image"
STRING = "std_msgs/msg/String"
ARRAY = "diagnostic_msgs/msg/DiagnosticArray"
POSE = "geometry_msgs/msg/PoseStamped"
COVARIANT = "geometry_msgs/msg/PoseWithCovarianceStamped"
ODOMETRY = "nav_msgs/msg/Odometry"

GAS = BagTopic("/gas/readings", CLOUD, 100)
THERMAL = BagTopic("/thermal/image", IMAGE, 100)
ALL = BagTopics()


def find(*topics: BagTopic, wanted: BagTopics = ALL) -> tuple[BagTopics, dict[str, int], dict[str, str]]:
    """What is found, what is counted, and the details."""
    problems = Problems()
    found = find_topics(topics, wanted, problems).topics
    return found, problems.counts(), {p.cause: p.detail for p in problems.take_unreported()}


def test_names_of_convention_are_found_among_others_without_a_doubt() -> None:
    found, counts, _ = find(
        BagTopic("/lidar/points", CLOUD, 1000),
        BagTopic("/camera/color/image_raw", IMAGE, 1000),
        BagTopic("/gas/class", STRING, 100),
        GAS,
        THERMAL,
        BagTopic("/truth/label", STRING, 3),
        BagTopic("/truth/leaks", ARRAY, 1),
        BagTopic("/gas/classification", ARRAY, 100),
        BagTopic("/goal_pose", POSE, 100),
        BagTopic("/pose", POSE, 100),
    )
    assert found == BagTopics("/gas/readings", "/thermal/image", "/truth/label", "/truth/leaks", "/pose")
    assert counts == {}


def test_the_topic_that_the_classifier_hears_is_preferred_to_temperatures() -> None:
    raw = BagTopic("/thermal/image_raw", IMAGE, 500)
    assert find(GAS, raw, THERMAL)[0].image == "/thermal/image_raw"
    assert find(GAS, raw)[0].image == "/thermal/image_raw"
    # One that is only announced is no choice.
    assert find(GAS, BagTopic("/thermal/image_raw", IMAGE, 0), THERMAL)[0].image == "/thermal/image"


def test_the_only_topic_of_the_type_will_do() -> None:
    found, counts, _ = find(BagTopic("/sniffer", CLOUD, 5), BagTopic("/flir", IMAGE, 5))
    assert (found.gas, found.image) == ("/sniffer", "/flir")
    assert counts == {}


def test_a_string_of_another_name_is_no_label() -> None:
    assert find(GAS, THERMAL, BagTopic("/gas/class", STRING, 5))[0].label is None


def test_of_several_by_type_the_one_with_most_messages_is_taken_and_said() -> None:
    found, counts, details = find(BagTopic("/a", CLOUD, 5), BagTopic("/b", CLOUD, 50), THERMAL)
    assert found.gas == "/b"
    assert counts == {"topic_ambiguous": 1}
    assert "/a (sensor_msgs/msg/PointCloud2), /b" in details["topic_ambiguous"]
    assert "/b is taken" in details["topic_ambiguous"]
    assert "--gas-topic" in details["topic_ambiguous"]


def test_of_two_robots_the_images_are_those_of_the_same_one() -> None:
    topics = [
        BagTopic(f"/robot{number}/{name}", type_name, messages + number)
        for number in (1, 2)
        for name, type_name, messages in (
            ("gas/readings", CLOUD, 10),
            ("thermal/image_raw", IMAGE, 100),
            ("truth/label", STRING, 1),
        )
    ]
    found, counts, _ = find(*topics, BagTopic("/thermal/image", IMAGE, 10_000))
    assert found == BagTopics(
        "/robot2/gas/readings", "/robot2/thermal/image_raw", "/robot2/truth/label", None
    )
    assert counts == {"topic_ambiguous": 1}

    found, counts, _ = find(*topics, wanted=BagTopics(gas="/robot1/gas/readings"))
    assert (found.image, found.label) == ("/robot1/thermal/image_raw", "/robot1/truth/label")
    assert counts == {}


def test_beside_readings_of_another_name_the_nearer_images_are_taken() -> None:
    topics = [BagTopic(f"/robot{number}/thermal/image", IMAGE, 10) for number in (1, 2)]
    found, counts, _ = find(BagTopic("/robot2/mq/array", CLOUD, 10), *topics)
    assert found.image == "/robot2/thermal/image"
    assert counts == {}


def test_what_is_missing_is_said_with_what_is_there() -> None:
    found, counts, details = find(BagTopic("/gas/class", STRING, 1))
    assert (found.gas, found.image) == (None, None)
    assert counts == {"topic_missing_gas": 1, "topic_missing_image": 1}
    assert "/gas/class (std_msgs/msg/String)" in details["topic_missing_gas"]
    _, _, details = find()
    assert "there is none" in details["topic_missing_image"]


def test_a_name_of_convention_with_another_type_is_said() -> None:
    film = BagTopic("/thermal/image_raw", "theora_image_transport/msg/Packet", 10)
    found, counts, details = find(GAS, film)
    assert found.image is None
    assert counts == {"topic_wrong_type": 1, "topic_missing_image": 1}
    assert "theora_image_transport/msg/Packet" in details["topic_wrong_type"]


def test_what_is_not_to_be_looked_for_is_neither_found_nor_missed() -> None:
    topics = [GAS, BagTopic("/thermal/image_raw", STRING, 1), BagTopic("/truth/label", STRING, 1)]
    problems = Problems()
    found = find_topics(topics, BagTopics(image="/nowhere"), problems, without=("image", "label")).topics
    assert found == BagTopics(gas="/gas/readings")
    assert problems.counts() == {}


@pytest.mark.parametrize("name", ["/lidar/points", "lidar/points"])
def test_a_wanted_topic_is_taken_whatever_its_name(name: str) -> None:
    found, counts, _ = find(GAS, THERMAL, BagTopic("/lidar/points", CLOUD, 1), wanted=BagTopics(gas=name))
    assert found.gas == "/lidar/points"
    assert counts == {}


def test_a_wanted_topic_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(TopicError, match=r"no topic /mq; .*/gas/readings"):
        find(GAS, wanted=BagTopics(gas="/mq"))


def test_a_wanted_topic_of_another_type_is_refused() -> None:
    with pytest.raises(TopicError, match=r"/gas/readings is .*PointCloud2; labels are std_msgs/msg/String"):
        find(GAS, wanted=BagTopics(label="/gas/readings"))


@pytest.mark.parametrize("type_name", [POSE, COVARIANT, ODOMETRY])
def test_where_the_robot_is_may_be_told_in_three_types(type_name: str) -> None:
    found, counts, _ = find(GAS, THERMAL, BagTopic("/robot/pose", type_name, 5))
    assert (found.pose, counts) == ("/robot/pose", {})
    wanted = BagTopics(pose="amcl_pose")
    topics = [GAS, THERMAL, BagTopic("/pose", POSE, 5), BagTopic("/amcl_pose", type_name, 5)]
    found, counts, _ = find(*topics, wanted=wanted)
    assert (found.pose, counts) == ("/amcl_pose", {})


@pytest.mark.parametrize(
    "other",
    [
        BagTopic("/odom", ODOMETRY, 5),
        BagTopic("/goal_pose", POSE, 5),
        # Many name a topic so and mean something else.
        BagTopic("/turtle1/pose", "turtlesim/msg/Pose", 5),
    ],
)
def test_a_bag_without_a_pose_misses_nothing(other: BagTopic) -> None:
    found, counts, _ = find(GAS, THERMAL, other)
    assert (found.pose, counts) == (None, {})


def test_the_pose_beside_the_readings_is_preferred() -> None:
    poses = [BagTopic(f"/robot{number}/pose", POSE, 10 * number) for number in (1, 2, 3)]
    found, counts, _ = find(BagTopic("/robot2/gas/readings", CLOUD, 5), THERMAL, *poses)
    assert (found.pose, counts) == ("/robot2/pose", {})


def test_of_two_poses_the_one_with_most_messages_is_taken_and_said() -> None:
    found, counts, details = find(
        GAS, THERMAL, BagTopic("/arm/pose", POSE, 5), BagTopic("/base/pose", COVARIANT, 50)
    )
    assert (found.pose, counts) == ("/base/pose", {"topic_ambiguous": 1})
    assert "2 topics may be the poses of the robot" in details["topic_ambiguous"]
    assert "/base/pose is taken, --pose-topic chooses" in details["topic_ambiguous"]


def test_a_wanted_pose_that_cannot_be_had_is_refused_with_the_types_that_can() -> None:
    types = f"{POSE}, {COVARIANT} or {ODOMETRY}"
    with pytest.raises(TopicError) as refused:
        find(GAS, THERMAL, BagTopic("/pose", POSE, 5), wanted=BagTopics(pose="/gas/readings"))
    assert str(refused.value) == f"/gas/readings is {CLOUD}; poses of the robot are {types}"
    with pytest.raises(TopicError) as refused:
        find(GAS, THERMAL, BagTopic("/odom", ODOMETRY, 5), wanted=BagTopics(pose="/where"))
    assert str(refused.value) == f"there is no topic /where; of type {types} there is /odom ({ODOMETRY})"


names = st.sampled_from(
    ["/gas/readings", "/thermal/image", "/r1/gas/readings", "/r1/thermal/image_raw", "/x", "/truth/label"]
)
types = st.sampled_from([CLOUD, IMAGE, STRING])
bag_topics = st.lists(
    st.builds(BagTopic, names, types, st.one_of(st.none(), st.integers(0, 5))),
    unique_by=lambda topic: (topic.name, topic.type_name),
)


@given(bag_topics, st.randoms())
def test_whatever_is_there_the_choice_is_of_the_right_type_and_does_not_depend_on_the_order(
    topics: list[BagTopic], shuffler: object
) -> None:
    found, counts, _ = find(*topics)
    of_type = {
        type_name: {t.name for t in topics if t.type_name == type_name} for type_name in (CLOUD, IMAGE)
    }
    assert found.gas in of_type[CLOUD] if of_type[CLOUD] else found.gas is None
    assert found.image in of_type[IMAGE] if of_type[IMAGE] else found.image is None
    assert ("topic_missing_gas" in counts) == (found.gas is None)
    shuffled = topics[:]
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    assert find(*shuffled)[0] == found
