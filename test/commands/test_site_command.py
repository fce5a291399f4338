"""`gas-fusion site` tells a site's file from bags, and writes its two reports."""

from __future__ import annotations

import json
from pathlib import Path

from in_process import invoke
from made_bags import EPOCH, SQLITE, text, write_bag
from telling_runtime import readings

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.site.leak_database import LeakDatabase, Sighting


def a_site(path: Path) -> Path:
    LeakDatabase(path).see(Sighting("Smoke", LeakPlace(1.0, 2.0, 1.0, 0.0, 1.0, "map", EPOCH), 1.0))
    return path


def test_a_file_alone_is_reported(tmp_path: Path) -> None:
    code, said = invoke("site", a_site(tmp_path / "site.db"), "--output", tmp_path / "out")
    assert code == 0
    assert "1 leaks, 0 patrols" in said
    report = json.loads((tmp_path / "out" / "site.json").read_text(encoding="utf-8"))
    assert report["leaks"][0]["gas"] == "Smoke"
    assert "Patrols of site.db" in (tmp_path / "out" / "site.html").read_text(encoding="utf-8")


def test_bags_of_sqlite_are_bags_and_a_new_file_is_kept(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", readings(range(20)), SQLITE)
    (file,) = bag.glob("*.db3")
    arguments = ("--output", tmp_path / "out", "--model", "fusion1")
    code, said = invoke("site", tmp_path / "new.db", file, *arguments)
    assert code == 0, said
    assert "1 patrols" in said
    code, said = invoke("site", tmp_path / "new.db", *arguments)
    assert "1 patrols" in said


def test_bags_need_no_file(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", readings(range(20)))
    code, said = invoke("site", bag, "--output", tmp_path / "out", "--model", "fusion1")
    assert (code, "1 patrols" in said) == (0, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bag", "out"]


def test_it_says_what_is_wrong(tmp_path: Path) -> None:
    one, other = a_site(tmp_path / "one.db"), a_site(tmp_path / "other.db")
    code, said = invoke("site", one, other, "--output", tmp_path / "out")
    assert (code, "are files of sites" in said) == (2, True)
    code, said = invoke("site", tmp_path / "none.db", "--output", tmp_path / "out")
    assert (code, "is not there" in said) == (2, True)
    code, said = invoke("site", one, "--verdicts", tmp_path / "none", "--output", tmp_path / "out")
    assert (code, "--verdicts" in said) == (2, True)
    bag = write_bag(tmp_path / "bag", [text("/chatter", EPOCH, "hello")])
    code, said = invoke("site", one, bag, "--output", tmp_path / "out")
    assert (code, "neither gas readings" in said) == (1, True)


def test_where_nothing_can_be_read_there_is_no_report(tmp_path: Path) -> None:
    code, said = invoke("site", tmp_path / "nosuch", "--output", tmp_path / "out")
    assert (code, "nosuch" in said, "no report" in said) == (2, True, True)
    assert list(tmp_path.iterdir()) == []
