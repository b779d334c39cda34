"""The numbered notebooks as one report: its settings, what a chapter writes, and running all chapters."""

from mnist_helpers.report.chapter import Chapter
from mnist_helpers.report.settings import Settings, SettingsError, read_settings

__all__ = ["Chapter", "Settings", "SettingsError", "read_settings"]
