"""Colours and shapes of the panel, light and dark."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from vcam.config import Theme


@dataclass(frozen=True, slots=True)
class Colours:
    """One theme, as CSS colours."""

    page: str
    card: str
    line: str
    text: str
    faint: str
    accent: str
    on_accent: str
    hover: str
    warning: str


LIGHT = Colours("#f4f6f8", "#ffffff", "#dde2e7", "#1b2126", "#5f6b76", "#0b8f68", "#ffffff", "#eaf6f2", "#b45309")
DARK = Colours("#16191d", "#1f2429", "#343b43", "#eef1f4", "#9aa6b2", "#20c997", "#06281e", "#24332f", "#fbbf24")


def colours(theme: Theme) -> Colours:
    """The theme's colours; the system's choice where the user has none."""
    if theme is Theme.SYSTEM:
        return DARK if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT
    return DARK if theme is Theme.DARK else LIGHT


def style_sheet(c: Colours) -> str:
    """Qt's style sheet for the whole window."""
    return f"""
    QWidget {{ background: {c.page}; color: {c.text}; font-size: 14px; }}
    QLabel, QCheckBox, QRadioButton {{ background: transparent; }}
    QLabel#title {{ font-size: 22px; font-weight: 600; }}
    QLabel#heading {{ font-size: 15px; font-weight: 600; }}
    QLabel#faint {{ color: {c.faint}; }}
    QLabel#message {{ background: {c.card}; color: {c.warning}; border: 1px solid {c.warning};
                      border-radius: 8px; padding: 8px 12px; }}
    QFrame#card {{ background: {c.card}; border: 1px solid {c.line}; border-radius: 12px; }}
    QFrame#card QWidget {{ background: transparent; }}
    QListWidget {{ background: {c.card}; border: 1px solid {c.line}; border-radius: 12px; padding: 6px; outline: 0; }}
    QListWidget#pages {{ background: {c.card}; border: 0; border-radius: 0; border-right: 1px solid {c.line};
                         padding: 12px 8px; font-size: 15px; }}
    QListWidget#pages::item {{ padding: 10px 14px; border-radius: 8px; margin: 2px 0; }}
    QListWidget::item {{ border-radius: 10px; padding: 6px; color: {c.text}; }}
    QListWidget::item:hover {{ background: {c.hover}; }}
    QListWidget::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QListWidget:focus {{ border: 1px solid {c.accent}; }}
    QPushButton {{ background: {c.card}; border: 1px solid {c.line}; border-radius: 8px; padding: 8px 16px; }}
    QPushButton:hover {{ background: {c.hover}; }}
    QPushButton:focus {{ border: 2px solid {c.accent}; padding: 7px 15px; }}
    QPushButton:checked, QPushButton#primary {{ background: {c.accent}; color: {c.on_accent};
                                               border-color: {c.accent}; }}
    QPushButton:disabled, QPushButton#primary:disabled {{ background: {c.card}; color: {c.faint};
                                                         border-color: {c.line}; }}
    QFrame#card QPushButton {{ background: {c.page}; }}
    QFrame#card QPushButton:checked, QFrame#card QPushButton#primary:enabled {{ background: {c.accent}; }}
    QToolButton {{ background: {c.card}; border: 2px solid {c.line}; border-radius: 8px; padding: 4px; }}
    QToolButton:hover, QToolButton:focus {{ border-color: {c.accent}; }}
    QComboBox, QSpinBox, QLineEdit {{ background: {c.page}; border: 1px solid {c.line}; border-radius: 8px;
                                      padding: 6px 10px; min-height: 20px; }}
    QFrame#card QComboBox, QFrame#card QSpinBox {{ background: {c.page}; }}
    QComboBox:focus, QSpinBox:focus, QLineEdit:focus {{ border: 2px solid {c.accent}; padding: 5px 9px; }}
    QComboBox QAbstractItemView {{ background: {c.card}; color: {c.text}; selection-background-color: {c.accent};
                                   selection-color: {c.on_accent}; }}
    QComboBox::drop-down {{ border: 0; width: 28px; }}
    QScrollBar {{ background: transparent; width: 10px; height: 10px; }}
    QScrollBar::handle {{ background: {c.line}; border-radius: 5px; min-width: 30px; min-height: 30px; }}
    QScrollBar::handle:hover {{ background: {c.faint}; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent;
                                                                                              width: 0; height: 0; }}
    QCheckBox, QRadioButton {{ spacing: 10px; }}
    QCheckBox::indicator, QRadioButton::indicator {{ width: 18px; height: 18px; border: 2px solid {c.faint};
                                                     background: {c.page}; }}
    QCheckBox::indicator {{ border-radius: 5px; }}
    QRadioButton::indicator {{ border-radius: 11px; }}
    QCheckBox::indicator:checked, QRadioButton::indicator:checked {{ background: {c.accent};
                                                                     border-color: {c.accent}; }}
    QCheckBox:focus, QRadioButton:focus {{ color: {c.accent}; }}
    QProgressBar {{ background: {c.page}; border: 0; border-radius: 4px; max-height: 8px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: 4px; }}
    QSlider {{ min-height: 26px; }}
    QSlider::groove:horizontal {{ height: 4px; background: {c.line}; border-radius: 2px; }}
    QSlider::handle:horizontal {{ background: {c.accent}; width: 18px; margin: -7px 0; border-radius: 9px; }}
    """
