"""What can be done in Evaluate, for the table of actions."""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.ui.actions import Action

TABS: Final = ("Overview", "Heatmaps", "Tables", "Calibration", "Severity", "Comparisons", "Items")

EVALUATE: Final[tuple[Action, ...]] = (
    Action("evaluate.add", "Add a model…", ("Ctrl+N",), "evaluate", "add_model", "plus", None, "Runs"),
    Action("evaluate.step_back", "Back from adding a model", ("Esc",), "evaluate", "step_back", "", None, "Runs"),
    Action("evaluate.go_on", "Go on with the chosen run", ("Ctrl+G",), "evaluate", "go_on", "play", None, "Runs"),
    Action("evaluate.stop", "Stop the chosen run", ("Ctrl+.",), "evaluate", "stop", "stop", None, "Runs"),
    Action("evaluate.freeze", "Freeze the chosen run…", (), "evaluate", "freeze", "", None, "Runs"),
    Action("evaluate.dataset", "Choose another set…", ("Ctrl+O",), "evaluate", "choose_dataset", "folder", None, "Runs"),
    Action("evaluate.report", "Write the report…", ("Ctrl+P",), "evaluate", "choose_report", "export", None, "Results"),
    *(
        Action(f"evaluate.tab_{n}", words, (f"Alt+{n}",), "evaluate", "show_tab", "", n, "Results")
        for n, words in enumerate(TABS, 1)
    ),
    Action("evaluate.published", "Published models on or off", ("Ctrl+B",), "evaluate", "toggle_published", "", None, "Results"),
)
