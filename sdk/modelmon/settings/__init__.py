"""Settings of a project: `Settings.load()`."""

from modelmon.settings.project import Settings, every_setting, is_secret, secret_settings
from modelmon.settings.stream_addresses import KAFKA, check_stream_address
from modelmon.sources import CREDENTIALS_NAME, FILE_NAME, PREFIX, STATE_FOLDER

__all__ = [
    "CREDENTIALS_NAME",
    "FILE_NAME",
    "KAFKA",
    "PREFIX",
    "STATE_FOLDER",
    "Settings",
    "check_stream_address",
    "every_setting",
    "is_secret",
    "secret_settings",
]
