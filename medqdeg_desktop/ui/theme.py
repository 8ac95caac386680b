"""The reading-room look: dark palette, style sheet, the shipped font and the icon set, all from ``tokens``."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.ui import tokens as t

_FAMILY = "Inter"


def apply(application: QApplication) -> None:
    """Gives ``application`` the product's style, palette, font and sheet."""
    application.setStyle("Fusion")
    QGuiApplication.styleHints().setColorScheme(Qt.ColorScheme.Dark)
    load_fonts()
    application.setFont(font())
    application.setPalette(_palette())
    application.setStyleSheet(_SHEET.replace("@icons@", shipped("icons").as_posix()))


def load_fonts() -> None:
    """Makes the shipped face known to Qt."""
    for name in ("Inter-Regular.otf", "Inter-SemiBold.otf"):
        QFontDatabase.addApplicationFont(str(shipped(f"fonts/{name}")))


def font(size: int = t.BODY, *, strong: bool = False) -> QFont:
    """The shipped face at ``size`` logical pixels, with figures of one width so that readings do not jump."""
    face = QFont(_FAMILY)
    face.setPixelSize(size)
    face.setWeight(QFont.Weight.DemiBold if strong else QFont.Weight.Normal)
    face.setFeature(QFont.Tag("tnum"), 1)
    return face


@cache
def icon(name: str, colour: str = t.TEXT) -> QIcon:
    """An icon of the shipped set drawn in ``colour``; sharp at 100 and 200 %."""
    source = shipped(f"icons/{name}.svg").read_text("utf-8")
    result = QIcon()
    for tint, mode in ((colour, QIcon.Mode.Normal), (t.EDGE, QIcon.Mode.Disabled)):
        renderer = QSvgRenderer(QByteArray(source.replace("currentColor", tint).encode()))
        for side in (16, 20, 24, 32, 40, 48):
            picture = QPixmap(side, side)
            picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(picture)
            renderer.render(painter, QRectF(0, 0, side, side))
            painter.end()
            result.addPixmap(picture, mode)
    return result


def _palette() -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for key, value in {
        role.Window: t.WINDOW,
        role.WindowText: t.TEXT,
        role.Base: t.PANEL,
        role.AlternateBase: t.RAISED,
        role.ToolTipBase: t.RAISED,
        role.ToolTipText: t.TEXT,
        role.Text: t.TEXT,
        role.Button: t.RAISED,
        role.ButtonText: t.TEXT,
        role.BrightText: t.TEXT,
        role.PlaceholderText: t.MUTED,
        role.Highlight: "#2f4a6b",
        role.HighlightedText: t.TEXT,
        role.Link: t.ACCENT,
        role.Accent: t.ACCENT,
        role.Light: t.LINE,
        role.Midlight: t.LINE,
        role.Mid: t.LINE,
        role.Dark: t.WINDOW,
        role.Shadow: t.VIEWER,
    }.items():
        palette.setColor(key, QColor(value))
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, QColor(t.EDGE))
    return palette


_SHEET = f"""
* {{ outline: none; }}
QMainWindow, QDialog {{ background: {t.WINDOW}; }}
QWidget[role="panel"] {{ background: {t.PANEL}; }}
QWidget[role="raised"] {{ background: {t.RAISED}; border-radius: 4px; }}
QFrame[role="hint"] {{ background: {t.RAISED}; border: 1px solid {t.ACCENT}; border-radius: 6px; }}
QLabel[role="muted"] {{ color: {t.MUTED}; }}
QLabel[role="small"] {{ color: {t.MUTED}; font-size: {t.SMALL}px; }}
QLabel[role="title"] {{ font-size: {t.TITLE}px; font-weight: 600; }}
QLabel[role="headline"] {{ font-size: {t.HEADLINE}px; font-weight: 600; }}
QLabel[role="section"] {{ color: {t.MUTED}; font-size: {t.SMALL}px; font-weight: 600; }}
QLabel[role="warn"] {{ color: {t.WARN}; }}
QLabel[role="error"] {{ color: {t.ERROR}; }}

QPushButton, QToolButton {{
  background: {t.RAISED}; color: {t.TEXT}; border: 1px solid {t.LINE}; border-radius: 4px;
  min-height: 26px; padding: 0 12px;
}}
QToolButton {{ padding: 0 5px; min-width: 18px; }}
QToolButton[popupMode="2"] {{ padding-right: 22px; }}
QToolButton::menu-indicator {{
  image: url(@icons@/combo-arrow.svg); width: 12px; height: 12px; subcontrol-origin: padding; subcontrol-position: right center;
  right: 6px;
}}
QPushButton:hover, QToolButton:hover {{ background: #272b31; border-color: {t.EDGE}; }}
QPushButton:pressed, QToolButton:pressed, QToolButton:checked {{ background: #2d3239; border-color: {t.EDGE}; }}
QPushButton:checked {{ background: #2f4a6b; border-color: #45678f; }}
QPushButton:disabled, QToolButton:disabled {{ color: #6b737d; background: {t.PANEL}; border-color: {t.LINE}; }}
QPushButton:focus, QToolButton:focus {{ border: 1px solid {t.ACCENT}; }}
QToolButton[role="answer"]:checked {{ background: #1d4a30; border-color: #22c55e; color: #ffffff; }}
QPushButton[role="primary"] {{ background: #2f4a6b; border-color: #45678f; }}
QPushButton[role="primary"]:hover {{ background: #38577d; }}
QPushButton[role="primary"]:disabled {{ background: {t.PANEL}; border-color: {t.LINE}; }}
QPushButton[role="primary"]:focus {{ border-color: {t.TEXT}; }}
QPushButton[role="quiet"], QToolButton[role="quiet"] {{ background: transparent; border-color: transparent; }}
QPushButton[role="quiet"] {{ text-align: left; padding: 0 8px; }}
QPushButton[role="quiet"]:hover, QToolButton[role="quiet"]:hover {{ background: {t.RAISED}; }}
QPushButton[role="quiet"]:focus, QToolButton[role="quiet"]:focus {{ border-color: {t.ACCENT}; }}
QToolButton[role="rail"] {{
  background: transparent; border: 1px solid transparent; border-left: 2px solid transparent; border-radius: 0;
  color: {t.MUTED}; font-size: {t.SMALL}px; padding: 8px 0 4px 0; min-height: 44px;
}}
QToolButton[role="rail"]:hover {{ color: {t.TEXT}; background: {t.PANEL}; }}
QToolButton[role="rail"]:checked {{ color: {t.TEXT}; background: {t.RAISED}; border-left: 2px solid {t.ACCENT}; }}
QToolButton[role="rail"]:focus {{ border: 1px solid {t.ACCENT}; }}

QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit {{
  background: {t.RAISED}; color: {t.TEXT}; border: 1px solid {t.EDGE}; border-radius: 4px; min-height: 26px; padding: 0 8px;
  selection-background-color: #2f4a6b;
}}
QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus {{ border-color: {t.ACCENT}; }}
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled {{ color: {t.EDGE}; border-color: {t.LINE}; }}
QSpinBox, QDoubleSpinBox {{ padding: 0 2px 0 8px; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url(@icons@/combo-arrow.svg); width: 14px; height: 14px; }}
QComboBox QAbstractItemView {{
  background: {t.RAISED}; border: 1px solid {t.EDGE}; selection-background-color: #2f4a6b; padding: 4px;
}}
QComboBox QAbstractItemView::item {{ min-height: 26px; }}

QListView, QTreeView, QTableView {{ background: {t.PANEL}; border: none; selection-background-color: #26384f; }}
QListView::item:focus, QTreeView::item:focus {{ border: none; }}
QTreeView::item {{ min-height: 28px; padding: 0 8px; }}
QTreeView::item:selected {{ background: #26384f; color: {t.TEXT}; }}
QHeaderView::section {{
  background: {t.PANEL}; color: {t.MUTED}; border: none; border-bottom: 1px solid {t.LINE}; padding: 4px 8px;
}}
QScrollArea {{ border: none; background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {t.LINE}; border-radius: 5px; min-height: 28px; min-width: 28px; }}
QScrollBar::handle:hover {{ background: {t.EDGE}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSplitter::handle {{ background: {t.LINE}; }}
QToolTip {{ background: {t.RAISED}; color: {t.TEXT}; border: 1px solid {t.EDGE}; padding: 4px; }}
QMenu {{ background: {t.RAISED}; border: 1px solid {t.EDGE}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: 4px; }}
QMenu::item:selected {{ background: #2f4a6b; }}
QMenu::item:disabled {{ color: {t.MUTED}; }}
QMenu::separator {{ height: 1px; background: {t.LINE}; margin: 4px 8px; }}
QCheckBox, QRadioButton {{ spacing: 8px; min-height: 28px; }}
QCheckBox::indicator, QListView::indicator, QTreeView::indicator {{
  width: 14px; height: 14px; border: 1px solid {t.EDGE}; border-radius: 3px; background: {t.RAISED};
}}
QCheckBox::indicator:checked, QListView::indicator:checked, QTreeView::indicator:checked {{
  background: #2f4a6b; border-color: {t.ACCENT}; image: url(@icons@/check-box.svg);
}}
QCheckBox:focus {{ color: {t.ACCENT}; }}
QTableView::item {{ padding: 0 8px; }}
QProgressBar {{
  background: {t.RAISED}; border: none; border-radius: 2px; min-height: 4px; max-height: 4px; color: transparent;
}}
QProgressBar::chunk {{ background: {t.ACCENT}; border-radius: 2px; }}
QTabBar::tab {{
  background: transparent; color: {t.MUTED}; padding: 6px 12px; border-bottom: 2px solid transparent; min-height: 20px;
}}
QTabBar::tab:selected {{ color: {t.TEXT}; border-bottom-color: {t.ACCENT}; }}
QTabBar::tab:focus {{ color: {t.TEXT}; border: 1px solid {t.ACCENT}; }}
QTabWidget::pane {{ border: none; border-top: 1px solid {t.LINE}; }}
"""
