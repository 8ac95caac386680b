"""What can be done in Generate, for the table of actions."""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.ui.actions import Action

GENERATE: Final[tuple[Action, ...]] = (
    Action("generate.import", "Import questions…", ("Ctrl+O",), "generate", "choose_items", "plus", None, "Set"),
    Action("generate.start", "Generate the planned set", ("Ctrl+Return", "Ctrl+Enter"), "generate", "start", "play", None, "Set"),
    Action("generate.stop", "Stop generating", ("Ctrl+.",), "generate", "stop", "stop", None, "Set"),
    Action("generate.go_on", "Go on generating", ("Ctrl+G",), "generate", "go_on", "play", None, "Set"),
    Action("generate.verify", "Verify the finished set", ("Ctrl+Shift+V",), "generate", "verify", "check", None, "Set"),
    Action("generate.folder", "Open the set's folder", ("Ctrl+Shift+F",), "generate", "open_folder", "folder", None, "Set"),
    Action("generate.plan", "Plan another set", ("Ctrl+L",), "generate", "show_plan_page", "undo", None, "Set"),
)
