"""How a windowed model is fitted: what a recipe is, and those of temporal fusion's gas branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.onsets import Onset
from gas_fusion_ros.teaching.windows import ROW_PERIOD_S, TrainingPart, Windows
from training.temporal.encoder_fitting import EncoderAnswers, EncoderSettings, fit_encoder
from training.variations.patrol_windows import patrol_onsets


class RecipeError(ValueError):
    """A recipe is unknown; the message names those there are."""


class Fitted(Protocol):
    """A fitted recipe."""

    @property
    def seconds(self) -> float:
        """Wall time of the fit."""

    @property
    def parameters(self) -> int:
        """Trained numbers; 0 for a scikit-learn estimator."""

    def answer(self, windows: Windows) -> EncoderAnswers:
        """Run it on windows."""


class Recipe(Protocol):
    """How a model is fitted."""

    @property
    def window(self) -> WindowSettings:
        """Length and period of its windows."""

    def with_readings(self, readings: int) -> Recipe:
        """Return the recipe with windows of another length, at the rows' own period."""

    def fit(self, part: TrainingPart, seed: int) -> Fitted:
        """Fit it to a part of the rows."""

    def rehearsals(self, part: TrainingPart) -> list[Onset]:
        """Return simulated leaks to tune its alarm on beside the spliced ones; none where it has none."""


@dataclass(frozen=True)
class EncoderRecipe:
    """An encoder, as temporal fusion's gas branch."""

    settings: EncoderSettings

    @property
    def window(self) -> WindowSettings:
        """Length and period of its windows."""
        return self.settings.window

    def with_readings(self, readings: int) -> Recipe:
        """Return the recipe with windows of another length, at the rows' own period."""
        return EncoderRecipe(replace(self.settings, readings=readings, period_s=ROW_PERIOD_S))

    def fit(self, part: TrainingPart, seed: int) -> Fitted:
        """Fit the encoder."""
        return fit_encoder(part, self.settings, seed)

    def rehearsals(self, part: TrainingPart) -> list[Onset]:
        """Return patrols' leaks where the encoder has learned patrols."""
        return patrol_onsets(part, self.window) if self.settings.encoder == "patrols" else []


TWO_MINUTES_S = 3.0
"""The period at which 40 points span two minutes, as long as the embargo."""
SHIPPED: Mapping[str, Recipe] = {
    "patrols": EncoderRecipe(EncoderSettings("patrols")),
    "patrols_two_minutes": EncoderRecipe(EncoderSettings("patrols", period_s=TWO_MINUTES_S)),
}
"""What temporal fusion chooses from: encoders that know how the air changes on a patrol."""


def choose_recipes(names: Sequence[str]) -> dict[str, Recipe]:
    """Return temporal fusion's recipes of the given names; `all` stands for every one.

    Raises:
        RecipeError: a name is unknown.
    """
    unknown = set(names) - {"all", *SHIPPED}
    if unknown:
        raise RecipeError(
            f"--recipes: no recipe is called {', '.join(sorted(unknown))}; "
            f"there are all, {', '.join(SHIPPED)}"
        )
    return {name: recipe for name, recipe in SHIPPED.items() if name in names or "all" in names}
