"""The field's vocabulary: modalities, levels, degradation types, capabilities, tasks and skills.

Names and counts are those of MedQ-Deg (arXiv 2603.07769, Tables 1, 4 and 5). Nothing here computes anything; every other
package may import this one and it imports none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Modality(StrEnum):
    """Imaging modality under the name shown to users and written to files."""

    CT = "CT"
    MRI = "MRI"
    XRAY = "X-ray"
    ULTRASOUND = "Ultrasound"
    DERMOSCOPY = "Dermoscopy"
    HISTOPATHOLOGY = "Histopathology"
    ENDOSCOPY = "Endoscopy"
    FUNDUS = "Fundus"
    OCT = "OCT"


# DICOM Modality (0008,0060) defined terms (PS3.3 C.7.3.1.1.1) and the spellings of the source benchmarks.
_MODALITY_SPELLINGS: Final[dict[str, Modality]] = {
    "ct": Modality.CT,
    "computedtomography": Modality.CT,
    "ctcomputedtomography": Modality.CT,
    "mr": Modality.MRI,
    "mri": Modality.MRI,
    "magneticresonanceimaging": Modality.MRI,
    "mrmagneticresonanceimaging": Modality.MRI,
    "cr": Modality.XRAY,
    "dx": Modality.XRAY,
    "dr": Modality.XRAY,
    "mg": Modality.XRAY,
    "xa": Modality.XRAY,
    "rf": Modality.XRAY,
    "rg": Modality.XRAY,
    "px": Modality.XRAY,
    "io": Modality.XRAY,
    "xray": Modality.XRAY,
    "xr": Modality.XRAY,
    "radiography": Modality.XRAY,
    "us": Modality.ULTRASOUND,
    "ivus": Modality.ULTRASOUND,
    "ultrasound": Modality.ULTRASOUND,
    "dms": Modality.DERMOSCOPY,
    "derm": Modality.DERMOSCOPY,
    "dermoscopy": Modality.DERMOSCOPY,
    "dermatoscopy": Modality.DERMOSCOPY,
    "sm": Modality.HISTOPATHOLOGY,
    "gm": Modality.HISTOPATHOLOGY,
    "pathology": Modality.HISTOPATHOLOGY,
    "histopathology": Modality.HISTOPATHOLOGY,
    "microscopyimages": Modality.HISTOPATHOLOGY,
    "microscopy": Modality.HISTOPATHOLOGY,
    "es": Modality.ENDOSCOPY,
    "endoscopy": Modality.ENDOSCOPY,
    "colonoscopy": Modality.ENDOSCOPY,
    "op": Modality.FUNDUS,
    "fundus": Modality.FUNDUS,
    "fundusphotography": Modality.FUNDUS,
    "opt": Modality.OCT,
    "oct": Modality.OCT,
    "opticalcoherencetomography": Modality.OCT,
}


def modality_of(text: str) -> Modality | None:
    """The modality meant by ``text`` (any case, DICOM codes, benchmark spellings such as ``"X_Ray."``), or None."""
    key = "".join(c for c in text.casefold() if c.isalnum())
    return _MODALITY_SPELLINGS.get(key)


class Level(StrEnum):
    """Severity level of MedQ-Deg: L0 clean, L1 mild, L2 severe but still answerable by an expert."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"


#: Written anchors of the calibration protocol (design 4), frozen before a first session.
LEVEL_ANCHORS: Final[dict[Level, str]] = {
    Level.L0: "The original: diagnostic quality.",
    Level.L1: "Clearly noticeable without flicker; you would still report, with at most slightly reduced confidence.",
    Level.L2: "You would ask for a repeat if you could, but an expert can still judge the asked finding.",
}


class Category(StrEnum):
    """The five degradation categories of Table 5."""

    ARTIFACTS = "Artifacts"
    MOTION = "Motion interference"
    INTENSITY = "Intensity jitter"
    NOISE = "Noise"
    RESOLUTION = "Resolution & blur"


@dataclass(frozen=True, slots=True)
class DegradationType:
    """A degradation as published: canonical name, category, the spellings met in the authors' files, counts of Table 5.

    ``modalities`` is None for the nine general types ("All"); ``published_count`` counts L1 + L2 pairs.
    """

    name: str
    label: str
    category: Category
    modalities: tuple[Modality, ...] | None
    published_count: int
    aliases: tuple[str, ...] = ()

    @property
    def general(self) -> bool:
        return self.modalities is None

    def suits(self, modality: Modality) -> bool:
        """Whether the type makes physical sense on ``modality`` (design 3)."""
        if self.modalities is not None:
            return modality in self.modalities
        if modality is Modality.OCT:
            return self.name in {"gaussian_noise", "motion_blur", "gaussian_blur", "low_resolution"}
        return True


_CT = (Modality.CT,)
_MRI = (Modality.MRI,)
_PATHOLOGY = (Modality.HISTOPATHOLOGY,)

DEGRADATION_TYPES: Final[tuple[DegradationType, ...]] = (
    DegradationType("limited_angle", "Limited angle", Category.ARTIFACTS, _CT, 1440),
    DegradationType("sparse_view", "Sparse view", Category.ARTIFACTS, _CT, 1440),
    DegradationType("bias_field_artifact", "Bias field", Category.ARTIFACTS, _MRI, 936, ("bias_field",)),
    DegradationType("undersampling_artifact", "Undersampling", Category.ARTIFACTS, _MRI, 672, ("undersampling",)),
    DegradationType("ghosting_artifact", "Ghosting", Category.ARTIFACTS, _MRI, 352, ("ghosting",)),
    DegradationType("blood_cell_artifact", "Blood cells", Category.ARTIFACTS, _PATHOLOGY, 304, ("blood_cell",)),
    DegradationType("dark_spots_artifact", "Dark spots", Category.ARTIFACTS, _PATHOLOGY, 178, ("dark_spots",)),
    DegradationType("object_rotation", "Rotation", Category.MOTION, None, 2718, ("rotation_artifact", "rotation")),
    DegradationType("object_movement", "Movement", Category.MOTION, None, 274, ("random_motion_artifact", "random_motion")),
    DegradationType("adjust_brightness", "Brightness", Category.INTENSITY, None, 916, ("brightness",)),
    DegradationType("exposure", "Exposure", Category.INTENSITY, None, 518, ("exposure_artifact",)),
    DegradationType("reduce_contrast", "Reduced contrast", Category.INTENSITY, None, 412, ("contrast",)),
    DegradationType("gaussian_noise", "Gaussian noise", Category.NOISE, None, 2680),
    DegradationType("low_dose", "Low dose", Category.NOISE, _CT, 1116),
    DegradationType("low_resolution", "Low resolution", Category.RESOLUTION, None, 3046, ("downsample_artifact",)),
    DegradationType("motion_blur", "Motion blur", Category.RESOLUTION, None, 2820, ("xray_motion_blur_artifact",)),
    DegradationType("gaussian_blur", "Gaussian blur", Category.RESOLUTION, None, 470),
    DegradationType("bubble", "Air bubble", Category.RESOLUTION, _PATHOLOGY, 296, ("bubble_artifact",)),
)

DEGRADATION_BY_NAME: Final[dict[str, DegradationType]] = {name: t for t in DEGRADATION_TYPES for name in (t.name, *t.aliases)}

#: Types that move anatomy: not drawn for questions about side or position (design 6).
GEOMETRY_CHANGING: Final[frozenset[str]] = frozenset({"object_rotation", "object_movement"})

# The authors' example plates show a subset of the general types for each modality (docs: facts, 1.3). It governs drawing alone.
_DRAWN: Final[dict[Modality, tuple[str, ...]]] = {
    Modality.CT: (
        "low_resolution",
        "gaussian_noise",
        "limited_angle",
        "low_dose",
        "motion_blur",
        "object_rotation",
        "sparse_view",
    ),
    Modality.MRI: (
        "bias_field_artifact",
        "low_resolution",
        "gaussian_noise",
        "ghosting_artifact",
        "motion_blur",
        "object_movement",
        "object_rotation",
        "undersampling_artifact",
    ),
    Modality.XRAY: (
        "exposure",
        "gaussian_noise",
        "object_rotation",
        "motion_blur",
        "low_resolution",
        "reduce_contrast",
        "gaussian_blur",
    ),
    Modality.ULTRASOUND: ("low_resolution", "gaussian_noise", "motion_blur", "object_rotation", "reduce_contrast"),
    Modality.DERMOSCOPY: ("adjust_brightness", "low_resolution", "gaussian_blur", "motion_blur"),
    Modality.HISTOPATHOLOGY: ("blood_cell_artifact", "bubble", "dark_spots_artifact", "low_resolution", "motion_blur"),
    Modality.ENDOSCOPY: ("adjust_brightness", "low_resolution", "gaussian_blur", "motion_blur"),
    Modality.OCT: ("gaussian_noise", "motion_blur", "gaussian_blur", "low_resolution"),
}


def types_drawn_for(modality: Modality) -> tuple[str, ...]:
    """Names of the types that a QA item of ``modality`` may be drawn with (Fundus draws as Endoscopy)."""
    return _DRAWN[Modality.ENDOSCOPY if modality is Modality.FUNDUS else modality]


def published_type(name: str, modality: Modality) -> str:
    """The published id of a render: motion blur on X-ray is the nineteenth, ``xray_motion_blur_artifact``."""
    if name == "motion_blur" and modality is Modality.XRAY:
        return "xray_motion_blur_artifact"
    return name


class Capability(StrEnum):
    PERCEPTION = "Medical Perception"
    REASONING = "Clinical Reasoning"


@dataclass(frozen=True, slots=True)
class Task:
    """One of the six mid-level tasks with its skills and their published counts of degraded pairs (Table 4)."""

    code: str
    name: str
    capability: Capability
    skills: tuple[tuple[str, int], ...]


TASKS: Final[tuple[Task, ...]] = (
    Task(
        "CU",
        "Clinical Understanding",
        Capability.PERCEPTION,
        (
            ("Disease Diagnosis", 12908),
            ("Severity Grading", 138),
            ("Basic Science Understanding", 78),
            ("Lesion Grading", 68),
            ("Attribute Recognition", 10),
            ("Treatment-Understanding", 4),
        ),
    ),
    Task(
        "IP",
        "Imaging Perception",
        Capability.PERCEPTION,
        (
            ("Counting", 390),
            ("Surgical Workflow Recognition", 96),
            ("Image Quality Grading", 28),
            ("Surgical Instrument Recognition", 16),
        ),
    ),
    Task(
        "AR",
        "Anatomical Recognition",
        Capability.PERCEPTION,
        (
            ("Skeletal System", 2562),
            ("Cardiovascular", 1392),
            ("Abdominal Structures", 880),
            ("Respiratory System", 726),
            ("Gastrointestinal Tract", 475),
            ("Neurovascular", 463),
            ("General Structures", 328),
            ("Muscle Recognition", 231),
            ("Cell and Microbes", 158),
        ),
    ),
    Task(
        "BS",
        "Basic Science",
        Capability.REASONING,
        (
            ("General Science Reasoning", 74),
            ("Pathophysiological Reasoning", 26),
            ("Clinical Correlation", 4),
        ),
    ),
    Task(
        "Diag",
        "Diagnosis",
        Capability.REASONING,
        (
            ("General Diagnosis Reasoning", 336),
            ("Laboratory/Imaging Interpretation", 38),
            ("Clinical Presentation Analysis", 6),
            ("Disease Mechanism Recognition", 4),
        ),
    ),
    Task(
        "Treat",
        "Treatment",
        Capability.REASONING,
        (
            ("Treatment Reasoning", 127),
            ("Pharmacological Treatment", 12),
            ("Initial/Emergency Management", 7),
            ("Surgical Treatment Selection", 2),
        ),
    ),
)

TASK_OF_SKILL: Final[dict[str, Task]] = {skill: task for task in TASKS for skill, _ in task.skills}

PUBLISHED_TOTALS: Final[dict[Level, int]] = {Level.L0: 4306, Level.L1: 10294, Level.L2: 10294}
