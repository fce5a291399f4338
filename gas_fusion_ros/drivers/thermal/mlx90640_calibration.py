"""What an MLX90640 has in its EEPROM, and temperatures of its raw data.

Formulas after the data sheet of the MLX90640 (Melexis, revision 12), sections 11.1 and 11.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint16]
Reals = npt.NDArray[np.float64]

ROWS, COLUMNS = 24, 32
EEPROM_WORDS = RAM_WORDS = 832
_PIXELS = ROWS * COLUMNS
_KELVIN = 273.15
_REFERENCE_C, _REFERENCE_V = 25.0, 3.3
_REFLECTED_K = 8.0
"""By so much what surrounds the scene is cooler than the chip."""
_VBE, _CP, _GAIN, _PTAT, _VDD = 768, (776, 808), 778, 800, 810
"""Places in the RAM."""

PATTERN = np.indices((ROWS, COLUMNS)).sum(axis=0) % 2
"""Which sub-page measures a pixel, shape (24, 32): a chess board."""


class CalibrationError(ValueError):
    """An EEPROM is not that of an MLX90640."""


@dataclass(frozen=True)
class Calibration:
    """An EEPROM's content; arrays have shape (24, 32), pairs are by sub-page.

    Attributes:
        k_vdd, vdd_25: supply, counts per volt and counts at 3.3 V.
        kv_ptat, kt_ptat, ptat_25, alpha_ptat: chip temperature.
        gain: at calibration.
        tgc: share of the compensation pixels.
        resolution: of the converter at calibration, bits of the control register.
        ks_ta, ks_to, corners: sensitivity over chip and object temperature; degC where its ranges begin.
        alpha, offset, kta, kv: sensitivity and offset of each pixel.
        cp_alpha, cp_offset, cp_kta, cp_kv: those of the compensation pixels.
        is_broken: pixels that the maker marked as failed or deviating.
    """

    k_vdd: float
    vdd_25: float
    kv_ptat: float
    kt_ptat: float
    ptat_25: float
    alpha_ptat: float
    gain: float
    tgc: float
    resolution: int
    ks_ta: float
    ks_to: tuple[float, float, float, float]
    corners: tuple[float, float, float, float]
    alpha: Reals
    offset: Reals
    kta: Reals
    kv: Reals
    cp_alpha: tuple[float, float]
    cp_offset: tuple[float, float]
    cp_kta: float
    cp_kv: float
    is_broken: npt.NDArray[np.bool_]

    @property
    def range_gains(self) -> tuple[float, float, float, float]:
        """Sensitivity at the beginning of each range of object temperatures, relative to that at 0 degC."""
        ks, corners = self.ks_to, self.corners
        third = 1.0 + ks[1] * corners[2]
        return 1.0 / (1.0 + ks[0] * 40.0), 1.0, third, third * (1.0 + ks[2] * (corners[3] - corners[2]))


def read_calibration(eeprom: Words) -> Calibration:
    """Return what an EEPROM of 832 words says.

    Raises:
        CalibrationError: it cannot be one: a divisor is zero, or nothing is sensitive.
    """
    words = [int(word) for word in eeprom]
    scale_alpha = (words[32] >> 12) + 30
    scale_kta, scale_kv = (words[56] >> 4 & 0xF) + 8, words[56] >> 8 & 0xF
    pixels = eeprom[64:].reshape(ROWS, COLUMNS).astype(np.int64)
    alpha = _signed(pixels >> 4, 6) * 2 ** (words[32] & 0xF) + _lines(words, 32) + words[33]
    offset = _signed(pixels >> 10, 6) * 2 ** (words[16] & 0xF) + _lines(words, 16) + _one(words[17], 16)
    step = (words[63] >> 12 & 3) * 10.0
    corner = (words[63] >> 4 & 0xF) * step
    cp_alpha = _one(words[57], 10) / 2 ** (scale_alpha - 3)
    cp_offset = _one(words[58], 10)
    ks_to_scale = 2 ** ((words[63] & 0xF) + 8)
    made = Calibration(
        k_vdd=_one(words[51] >> 8, 8) * 32.0,
        vdd_25=((words[51] & 0xFF) - 256) * 32.0 - 8192.0,
        kv_ptat=_one(words[50] >> 10, 6) / 4096,
        kt_ptat=_one(words[50], 10) / 8,
        ptat_25=float(_one(words[49], 16)),
        alpha_ptat=(words[16] >> 12) / 4 + 8,
        gain=float(_one(words[48], 16)),
        tgc=_one(words[60], 8) / 32,
        resolution=words[56] >> 12 & 3,
        ks_ta=_one(words[60] >> 8, 8) / 8192,
        ks_to=(
            _one(words[61], 8) / ks_to_scale,
            _one(words[61] >> 8, 8) / ks_to_scale,
            _one(words[62], 8) / ks_to_scale,
            _one(words[62] >> 8, 8) / ks_to_scale,
        ),
        corners=(-40.0, 0.0, corner, corner + (words[63] >> 8 & 0xF) * step),
        alpha=alpha / 2.0**scale_alpha,
        offset=offset.astype(np.float64),
        kta=(_signed(pixels >> 1, 3) * 2 ** (words[56] & 0xF) + _quarters(_kta_bytes(words), 8))
        / 2.0**scale_kta,
        kv=_quarters(_kv_nibbles(words), 4) / 2.0**scale_kv,
        cp_alpha=(cp_alpha, cp_alpha * (1 + _one(words[57] >> 10, 6) / 128)),
        cp_offset=(float(cp_offset), float(cp_offset + _one(words[58] >> 10, 6))),
        cp_kta=_one(words[59], 8) / 2**scale_kta,
        cp_kv=_one(words[59] >> 8, 8) / 2**scale_kv,
        is_broken=(pixels == 0) | (pixels & 1 == 1),
    )
    divisors = made.k_vdd, made.kt_ptat, made.ptat_25, made.gain
    if not all(divisors) or made.is_broken.all() or (made.alpha[~made.is_broken] <= 0).any():
        raise CalibrationError("its EEPROM holds no calibration of an MLX90640")
    return made


def chip_state(calibration: Calibration, ram: Words, resolution: int) -> tuple[float, float]:
    """Return supply, V, and chip temperature, degC, of 832 words of RAM."""
    values = ram.astype(np.int16).astype(np.float64)
    counts = values[_VDD] * 2.0 ** (calibration.resolution - resolution)
    vdd = (counts - calibration.vdd_25) / calibration.k_vdd + _REFERENCE_V
    ptat = values[_PTAT]
    ratio = ptat / (ptat * calibration.alpha_ptat + values[_VBE]) * 2.0**18
    steady = ratio / (1 + calibration.kv_ptat * (vdd - _REFERENCE_V))
    return vdd, (steady - calibration.ptat_25) / calibration.kt_ptat + _REFERENCE_C


def temperatures(
    calibration: Calibration, ram: Words, resolution: int, page: int, emissivity: float
) -> Reals:
    """Return what each pixel sees, degC, shape (24, 32); only those of the sub-page are of this measurement.

    Args:
        calibration: of the chip.
        ram: 832 words.
        resolution: the converter's, bits of the control register.
        page: sub-page, 0 or 1.
        emissivity: of the scene.
    """
    vdd, ta = chip_state(calibration, ram, resolution)
    warmer, higher = ta - _REFERENCE_C, vdd - _REFERENCE_V
    values = ram.astype(np.int16).astype(np.float64)
    gain = calibration.gain / values[_GAIN]
    drift = (1 + calibration.kta * warmer) * (1 + calibration.kv * higher)
    infrared = values[:_PIXELS].reshape(ROWS, COLUMNS) * gain - calibration.offset * drift
    cp_drift = (1 + calibration.cp_kta * warmer) * (1 + calibration.cp_kv * higher)
    compensation = values[_CP[page]] * gain - calibration.cp_offset[page] * cp_drift
    infrared = infrared / emissivity - calibration.tgc * compensation
    alpha = (calibration.alpha - calibration.tgc * calibration.cp_alpha[page]) * (
        1 + calibration.ks_ta * warmer
    )
    return _solved(calibration, infrared, alpha, reflected(ta, emissivity))


def reflected(ta: float, emissivity: float) -> float:
    """Return K^4 of the chip and of what the scene reflects, at the chip's temperature in degC."""
    surroundings = (ta - _REFLECTED_K + _KELVIN) ** 4
    return float(surroundings - (surroundings - (ta + _KELVIN) ** 4) / emissivity)


def _solved(calibration: Calibration, infrared: Reals, alpha: Reals, background: float) -> Reals:
    """Solve for the object's temperature: a first guess, then the range that it is in."""
    ks = calibration.ks_to[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        bend = ks * (alpha**3 * infrared + alpha**4 * background) ** 0.25
        guess = (infrared / (alpha * (1 - ks * _KELVIN) + bend) + background) ** 0.25 - _KELVIN
        place = np.searchsorted(np.array(calibration.corners[1:]), guess, side="right")
        slope, corner = np.array(calibration.ks_to)[place], np.array(calibration.corners)[place]
        sensitivity = alpha * np.array(calibration.range_gains)[place] * (1 + slope * (guess - corner))
        solved: Reals = (infrared / sensitivity + background) ** 0.25 - _KELVIN
    return solved


def _one(word: int, bits: int) -> int:
    """Return the lowest bits of a word as a signed number."""
    sign = 1 << bits - 1
    return ((word & (2 * sign - 1)) ^ sign) - sign


def _signed(words: npt.NDArray[np.int64], bits: int) -> npt.NDArray[np.int64]:
    sign = 1 << bits - 1
    return ((words & (2 * sign - 1)) ^ sign) - sign


def _lines(words: list[int], scales: int) -> npt.NDArray[np.int64]:
    """Return what rows and columns add to each pixel; `scales` is the place of the word with the scales."""
    rows = _nibbles(words[scales + 2 : scales + 8]) * 2 ** (words[scales] >> 8 & 0xF)
    columns = _nibbles(words[scales + 8 : scales + 16]) * 2 ** (words[scales] >> 4 & 0xF)
    return rows[:, np.newaxis] + columns


def _nibbles(words: list[int]) -> npt.NDArray[np.int64]:
    return np.array([_one(word >> shift, 4) for word in words for shift in (0, 4, 8, 12)], dtype=np.int64)


def _kta_bytes(words: list[int]) -> tuple[int, int, int, int]:
    return words[54] >> 8, words[55] >> 8, words[54], words[55]


def _kv_nibbles(words: list[int]) -> tuple[int, int, int, int]:
    return words[52] >> 12, words[52] >> 4, words[52] >> 8, words[52]


def _quarters(parts: tuple[int, int, int, int], bits: int) -> npt.NDArray[np.int64]:
    """Spread four values over odd and even rows and columns: first row first, first column first."""
    square = np.array([_one(part, bits) for part in parts], dtype=np.int64).reshape(2, 2)
    return np.tile(square, (ROWS // 2, COLUMNS // 2))
