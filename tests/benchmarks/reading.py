"""Reading measured beside its floor: scan of a folder, first image, frames a second, windowing; bare pydicom for comparison.

    python -m tests.benchmarks.reading [--slices 500]

The folder is synthetic: 512 x 512 CT slices, 12 bits in 16, uncompressed. "First image" counts from the call of ``scan`` on a
decoder that is already warm to the windowed picture of the first series told; the warm-up is printed apart.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.reading import Series, scan, shared_decoder
from tests.benchmarks.headline import headline


def write_series(folder: Path, slices: int) -> None:
    """``slices`` CT files, 2 mm apart, named against their order."""
    rng = np.random.default_rng(0)
    pixels = np.clip(rng.normal(1040, 60, (512, 512)), 0, 4095).astype("<u2")
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.SeriesInstanceUID, data.Modality, data.SeriesDescription = generate_uid(), "CT", "synthetic"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = 512, 512, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelSpacing, data.ImageOrientationPatient = [0.7, 0.7], [1, 0, 0, 0, 1, 0]
    data.RescaleSlope, data.RescaleIntercept, data.WindowCenter, data.WindowWidth = 1, -1024, 40, 400
    for number in range(slices):
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.InstanceNumber, data.ImagePositionPatient = number + 1, [0, 0, 2.0 * (slices - number)]
        data.PixelData = np.roll(pixels, number, axis=1).tobytes()
        data.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)


def median_ms(work: Callable[[int], object], times: int) -> float:
    seconds = []
    for i in range(times):
        started = time.perf_counter()
        work(i)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=500)
    slices = parser.parse_args().slices
    started = time.perf_counter()
    shared_decoder().warm_up()
    print(f"decoder process ready         {time.perf_counter() - started:8.2f} s")
    with tempfile.TemporaryDirectory() as name:
        write_series(Path(name), slices)
        first: list[float] = []

        def watch(done: int, total: int, series: list[Series]) -> None:
            if not first:
                to_display(series[0].frame(series[0].middle))
                first.append(time.perf_counter() - started)

        started = time.perf_counter()
        (series,) = scan(name, watch=watch).series
        whole = time.perf_counter() - started
        paths, count = series.paths, min(200, slices)
        print(f"first image of {slices} slices    {1000 * first[0]:8.0f} ms")
        print(f"scan, {slices} files              {whole:8.2f} s  ({1000 * whole / slices:.2f} ms a file)")
        bare = median_ms(lambda i: pydicom.dcmread(paths[i % slices], stop_before_pixels=True), count)
        print(f"  bare pydicom header         {bare:8.2f} ms")
        guarded = median_ms(lambda i: series.frame(i % slices), count)
        print(f"frame, guarded                {guarded:8.2f} ms")
        bare = median_ms(lambda i: pydicom.dcmread(paths[i % slices]).pixel_array.astype(np.float32), count)
        print(f"  bare pydicom frame          {bare:8.2f} ms")
        headline(f"first image of {slices} slices", 1000 * first[0], "ms")
        headline("a frame through the guarded decoder beside bare pydicom", guarded / bare, "times its time")
    for side in (512, 2048, 4096):
        pixels = np.random.default_rng(1).normal(0, 400, (side, side)).astype(np.float32)
        image, out = MedicalImage(pixels, None, window=Window(40, 400)), np.empty((side, side), np.uint8)
        print(f"windowing {side:4} x {side:<4}         {median_ms(lambda _, i=image, o=out: to_display(i, out=o), 20):8.2f} ms")


if __name__ == "__main__":
    main()
