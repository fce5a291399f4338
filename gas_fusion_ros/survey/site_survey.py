"""Reads the patrols of a site into its file, each bag once, and reports what the file then knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gas_fusion_ros.bags.reader import BagReader, BagReadError
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BagTopics, TopicError
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import one_line, shown
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.evaluation.schema import BagLoss
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.site.leak_database import LeakDatabase, SiteLeak
from gas_fusion_ros.site.leak_history import mark_surveyed, sightings_by_leak, was_mapped
from gas_fusion_ros.site.patrol_log import PatrolLog
from gas_fusion_ros.site.verdicts import judgements_in, sidecar_of
from gas_fusion_ros.survey.patrol_survey import SurveyError, survey_bag
from gas_fusion_ros.survey.schema import SiteReport
from gas_fusion_ros.survey.site_report import SiteKnowledge, site_report

_PASSING_M = 4.0


class SiteSurvey:
    """A site's file, and the bags that are read into it.

    Args:
        site: the file; one that is not there is made.
        problems: where what could not be used is counted.
        limits: what unpacking and reading a bag may take.

    Raises:
        SiteError: the file cannot be used.
    """

    def __init__(self, site: Path, problems: Problems, limits: BagLimits) -> None:
        self._site = site
        self._problems = problems
        self._limits = limits
        self._log = PatrolLog(site)
        self._known = set(self._log.bags())
        self._sidecars: list[Path] = []

    def read(
        self,
        bags: Sequence[Path],
        load: Callable[[], LoadedModel],
        mapping: LeakMapperSettings,
        topics: BagTopics,
    ) -> list[str]:
        """Read bags that the file does not know yet.

        Args:
            bags: rosbag2 directories or files.
            load: loads what classifies; called once there is a bag to read.
            mapping: how the leaks' places are estimated.
            topics: names of topics; those that are None are looked for.

        Returns:
            Why bags could not be read, a sentence each.

        Raises:
            SiteError: the file cannot be used.
        """
        self._sidecars = [path for path in map(sidecar_of, bags) if path.exists()]
        failed = []
        loaded: LoadedModel | None = None
        for bag in bags:
            try:
                with BagReader(bag, self._problems, self._limits) as reader:
                    sha256 = reader.sha256()
                    if sha256 in self._known:
                        continue
                    loaded = loaded or load()
                    surveyed = survey_bag(reader, sha256, topics, loaded, mapping, self._problems)
            except (BagReadError, TopicError, SurveyError) as error:
                name = shown(bag)
                failed.append(str(error) if name in str(error) else one_line(f"{name}: {error}"))
                continue
            patrol = surveyed.patrol
            # Where the robot's own mapper saw leaks meanwhile, its sightings count, and not these as well.
            if not was_mapped(self._site, patrol.start_ns, patrol.end_ns):
                for sighting in surveyed.sightings:
                    leak = LeakDatabase(self._site).see(sighting)
                    mark_surveyed(self._site, leak.number, sighting.place.stamp_ns)
            self._log.add(patrol, surveyed.visited)
            self._known.add(sha256)
        return failed

    def report(self, named: str, verdicts: Iterable[Path]) -> SiteReport:
        """Return the report.

        Args:
            named: the site's file as it was named; empty where it is only for now.
            verdicts: further files with verdicts.

        Raises:
            SiteError: a file cannot be used.
        """
        files = dict.fromkeys(path.resolve() for path in (self._site, *self._sidecars, *verdicts))
        leaks = LeakDatabase(self._site).leaks()
        known = SiteKnowledge(
            leaks,
            sightings_by_leak(self._site),
            {leak.number: self._passes(leak) for leak in leaks},
            self._log.patrols(),
            self._log.coverage(),
            judgements_in(files),
        )
        counts = self._problems.counts()
        details = {problem.cause: problem.detail for problem in self._problems.take_unreported()}
        losses = {cause: BagLoss(count, details.get(cause, "")) for cause, count in counts.items()}
        return site_report(named, known, losses)

    def _passes(self, leak: SiteLeak) -> int:
        return self._log.passes(leak.x, leak.y, leak.frame_id, _PASSING_M, leak.last_seen_ns)
