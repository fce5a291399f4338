"""`gas-fusion dataset --verdicts` takes files of verdicts, and nothing else."""

from __future__ import annotations

from pathlib import Path

from in_process import invoke
from made_bags import EPOCH, SECOND, write_bag
from telling_runtime import readings

from gas_fusion_ros.site.verdicts import Judgement, Said, VerdictBook


def test_a_file_of_verdicts_is_taken_and_nothing_else(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "patrol", readings(range(30)))
    site = tmp_path / "site.db"
    since_ns, until_ns = EPOCH + 12 * SECOND, EPOCH + 18 * SECOND
    VerdictBook(site).give(
        Judgement("", 1, since_ns, until_ns, "Smoke", "", 0.9, None, None, None, Said.FALSE_ALARM, "Ada", 0)
    )
    arguments = ("dataset", bag, "--no-images", "--output", tmp_path / "folder", "--verdicts")
    code, said = invoke(*arguments, tmp_path / "nothing.db")
    assert (code, "--verdicts" in said) == (2, True)
    code, said = invoke(*arguments, site)
    assert code == 0, said
    assert "NoGas 7" in said
