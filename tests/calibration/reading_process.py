"""A reader at work in a process of its own, told apart from the window only by having no screen: it is killed while it works."""

from __future__ import annotations

import sys

from simulated_readers import SimulatedReader

from medqdeg_desktop.calibration.sitting import keep, sit_down
from medqdeg_desktop.calibration.trials import ADJUST
from medqdeg_desktop.study.store import Study


def main(path: str, protocol_id: str) -> None:
    reader = SimulatedReader("R1")
    with Study.open(path) as study:
        while True:
            sitting = sit_down(study, protocol_id, "R1", ADJUST, {})
            while (trial := sitting.here().trial) is not None:
                print(f"shown {trial.key}", flush=True)
                answer = reader.answer(trial, sitting.fixed, sitting.session, sitting.ordinal + 1)
                sitting.take(keep(study, sitting, trial, answer, None))
                print(f"kept {trial.key}", flush=True)
            if sitting.here().finished:
                print("finished", flush=True)
                return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
