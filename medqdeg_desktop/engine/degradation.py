"""What a degradation is: typed parameters, a monotone severity path, ``prepare`` and ``apply``; and the registry of all.

The window, the command line and the batch all work from this description: a new degradation is one class, registered by
``@register``, and no other code. Strengths are physical or relative to the frame, never bare pixels.
"""

from __future__ import annotations

import difflib
import importlib
import math
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Literal

import cv2
import numpy as np

from medqdeg_desktop.engine.background import background_value
from medqdeg_desktop.engine.errors import DegradationError
from medqdeg_desktop.engine.image import MedicalImage, Pixels, frozen
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, DegradationType, Modality

ParameterValue = float | int | str
Parameters = Mapping[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a degradation, enough to build its control and to check its value.

    ``default`` is the value used when neither the path nor the user names one: the value that does nothing for what the path
    moves, the usual one for the rest. None means that the seed decides it (directions, start angles).
    """

    name: str
    label: str
    unit: str = ""
    minimum: float = 0.0
    maximum: float = 1.0
    default: ParameterValue | None = None
    scale: Literal["linear", "log"] = "linear"
    kind: Literal["float", "int", "choice"] = "float"
    choices: tuple[str, ...] = ()
    help: str = ""

    def checked(self, value: ParameterValue) -> ParameterValue:
        """``value`` in the parameter's own type, or DegradationError naming what is allowed."""
        if self.kind == "choice":
            if value in self.choices:
                return value
            raise DegradationError(f"{self.name}: {value!r} is not one of {', '.join(self.choices)}")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise DegradationError(f"{self.name}: {value!r} is not a number") from None
        if not math.isfinite(number) or not self.minimum <= number <= self.maximum:
            unit = f" {self.unit}" if self.unit else ""
            raise DegradationError(f"{self.name}: {value} is outside {self.minimum:g} to {self.maximum:g}{unit}")
        return round(number) if self.kind == "int" else number


class Degradation(ABC):
    """One degradation. Subclasses are stateless; one instance lives in the registry.

    ``name``          the published canonical name; label, category and modalities come from the taxonomy.
    ``path_version``  raised whenever ``path`` changes (design 3); stored with every decision.
    ``proxy_side``    longest side of the proxy that is shown while dragging on a large frame.
    ``has_fast_form`` whether ``apply_fast`` offers a cheaper picture while the slider is dragged.
    """

    name: ClassVar[str]
    path_version: ClassVar[int] = 1
    proxy_side: ClassVar[int] = 1024
    has_fast_form: ClassVar[bool] = False

    @property
    def type(self) -> DegradationType:
        return DEGRADATION_BY_NAME[self.name]

    @abstractmethod
    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        """Parameters on ``modality``; the first is what the severity path moves most."""

    @abstractmethod
    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        """Parameters at ``severity`` in (0, 1]: every one of them strictly monotone in severity.

        Signs are left out (an offset of 0.3 means 0.3 either way): the same values hold for every image, ``realised`` gives them
        the sign of one realisation. This is what a profile stores.
        """

    def realised(self, on_path: Parameters, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        """Path values with the signs that ``seed`` decides (brighter or darker, left or right); as they are unless overridden.

        L1 and L2 of one seed get the same sign.
        """
        return dict(on_path)

    def drawn_parameters(self, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        """Values of the parameters that the seed decides (those whose default is None)."""
        return {}

    @abstractmethod
    def prepare(self, image: MedicalImage, seed: int) -> Any:
        """All that no parameter changes (spectra, unit noise fields, masks' order): computed once per image and seed.

        ``image.pixels`` holds finite values only. A proxy (``image.full_shape``) looks like the full result made small. What
        differs from slice to slice in a scanner (noise) draws from a stream named with ``image.frame``; what the slices of a
        series share (a patient's movement, a sampling mask, a coil's shading) from a stream without it.
        """

    @abstractmethod
    def apply(self, state: Any, parameters: Parameters, seed: int) -> Pixels:
        """The degraded pixels, same shape and dtype as prepared; a pure function of its arguments.

        ``parameters`` is complete and checked, seed-decided ones included.
        """

    def apply_fast(self, state: Any, parameters: Parameters, seed: int) -> Pixels:
        """A close picture for dragging, where the exact one is too slow (``has_fast_form``); shown as Preview, never stored."""
        return self.apply(state, parameters, seed)


_REGISTRY: dict[str, Degradation] = {}


def register(cls: type[Degradation]) -> type[Degradation]:
    """Class decorator: puts one instance of ``cls`` into the registry."""
    if cls.name in _REGISTRY:
        raise ValueError(f"{cls.name} is registered twice")
    _REGISTRY[cls.name] = cls()
    return cls


@cache
def registry() -> dict[str, Degradation]:
    """All degradations by canonical name, in the order of the published table."""
    package = importlib.import_module("medqdeg_desktop.engine.degradations")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    order = [t.name for t in dict.fromkeys(DEGRADATION_BY_NAME.values())]
    return {name: _REGISTRY[name] for name in sorted(_REGISTRY, key=order.index)}


def find(name: str) -> Degradation:
    """The degradation called ``name``, canonical or alias; DegradationError lists the known names."""
    known = DEGRADATION_BY_NAME.get(name)
    if known is None or known.name not in registry():
        near = difflib.get_close_matches(name, [n for n, kind in DEGRADATION_BY_NAME.items() if kind.name in registry()], 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise DegradationError(f"unknown degradation {name!r}; {meant}known: {', '.join(registry())}")
    return registry()[known.name]


def parameters_at(
    name: str, severity: float, modality: Modality | None, seed: int, overrides: Parameters | None = None
) -> dict[str, ParameterValue]:
    """Complete, checked parameters: defaults, then what the seed decides, then the path at ``severity``, then ``overrides``.

    severity    in [0, 1].
    overrides   values set by hand; an unknown name or a value outside its range raises DegradationError.
    """
    if not (isinstance(severity, int | float) and 0 <= severity <= 1):
        raise DegradationError(f"severity {severity} is outside 0 to 1")
    on_path = find(name).path(float(severity), modality) if severity > 0 else {}
    return parameters_from(name, on_path, modality, seed, overrides)


def parameters_from(
    name: str, on_path: Parameters, modality: Modality | None, seed: int, overrides: Parameters | None = None
) -> dict[str, ParameterValue]:
    """As ``parameters_at``, for path values that were stored (the cell of a profile) in place of a severity."""
    degradation = find(name)
    known = {p.name: p for p in degradation.parameters(modality)}
    values: dict[str, ParameterValue] = {p.name: p.default for p in known.values() if p.default is not None}
    values |= degradation.drawn_parameters(seed, modality)
    for given in (on_path, overrides or {}):
        for key in given:
            if key not in known:
                raise DegradationError(f"{degradation.name} has no parameter {key!r}; it has {', '.join(known)}")
    values |= degradation.realised(on_path, seed, modality)
    values |= overrides or {}
    return {key: known[key].checked(value) for key, value in values.items()}


def check_suits(name: str, modality: Modality | None) -> None:
    """Raises DegradationError when the type makes no physical sense on ``modality`` (lifted by ``force`` in callers)."""
    kind = find(name).type
    if kind.modalities is None and modality is None:
        return
    if modality is None or not kind.suits(modality):
        allowed = ", ".join(kind.modalities) if kind.modalities else "all modalities but OCT"
        raise DegradationError(f"{kind.name} is defined on {allowed}, not on {modality or 'an unknown modality'} (use --force)")


#: Larger magnitudes are padding (DICOM float images pad with the largest float), and their squares would overflow float32.
_LARGEST: Final = 1e18


def _all_usable(pixels: Pixels) -> bool:
    """Whether no value of ``pixels`` is NaN, infinite or too large to be one."""
    flat = pixels.ravel()
    # A sum of squares below that of one forbidden value holds none: ten times as fast as a look at each.
    with np.errstate(all="ignore"):
        energy = float(np.dot(flat, flat))
    return energy < _LARGEST**2 or bool(cv2.checkRange(pixels, True, -_LARGEST, _LARGEST)[0])


class Prepared:
    """A degradation prepared on one frame and seed: holds the state, restores NaN and padding, returns frozen pixels."""

    def __init__(self, name: str, image: MedicalImage, seed: int) -> None:
        self.degradation = find(name)
        self.image = image
        self.seed = seed
        self._holes: np.ndarray[Any, np.dtype[np.bool_]] | None = None
        if not image.is_rgb and not _all_usable(image.pixels):
            self._holes = ~(np.abs(image.pixels) < _LARGEST)
            fill = np.float32(background_value(image))
            image = image.with_pixels(np.where(self._holes, fill, image.pixels))
        self.state = self.degradation.prepare(image, seed)

    def render(self, parameters: Parameters) -> Pixels:
        """Degraded pixels for complete, checked ``parameters`` (see ``parameters_at``)."""
        return self._restored(self.degradation.apply(self.state, parameters, self.seed))

    def render_fast(self, parameters: Parameters) -> Pixels:
        """As ``render``, by the fast form where the degradation has one."""
        return self._restored(self.degradation.apply_fast(self.state, parameters, self.seed))

    def _restored(self, pixels: Pixels) -> Pixels:
        if self._holes is not None:
            pixels = np.where(self._holes, self.image.pixels, pixels)
        return frozen(pixels)

    def at(self, severity: float, overrides: Parameters | None = None) -> Pixels:
        """Degraded pixels at ``severity``; the input itself, bit for bit, at 0 without overrides."""
        if severity == 0 and not overrides:
            return self.image.pixels
        return self.render(parameters_at(self.degradation.name, severity, self.image.modality, self.seed, overrides))


def degrade(
    image: MedicalImage,
    name: str,
    severity: float = 0.0,
    *,
    seed: int = 0,
    overrides: Parameters | None = None,
    force: bool = False,
) -> MedicalImage:
    """``image`` degraded by ``name`` at ``severity`` in [0, 1] with the realisation of ``seed``.

    The one entry point for a single render. Same frame, name, severity, overrides and seed give the same bytes.
    """
    if not force:
        check_suits(name, image.modality)
    parameters_at(name, severity, image.modality, seed, overrides)
    return image.with_pixels(Prepared(name, image, seed).at(severity, overrides))
