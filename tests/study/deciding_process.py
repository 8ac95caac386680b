"""A program that records decisions through the write thread and prints each id once it is on disk, until it is killed."""

from __future__ import annotations

import sys

from study_records import make_answer, make_setting

from medqdeg_desktop.study.writer import StudyWriter

path, reader = sys.argv[1], sys.argv[2]
with StudyWriter(path) as writer:
    number = 0
    while True:
        number += 1
        setting = make_setting(reader, severity=(number % 97 + 1) / 100)
        print("setting", writer.submit(lambda study, s=setting: study.set_level(s)).result().event_id, flush=True)
        answers = [make_answer(f"{reader}/{number:06}.png", trial) for trial in range(3)]
        writer.submit(lambda study, a=answers: study.append_answers("run-1", a)).result()
        print("answer", answers[0].file_name, flush=True)
