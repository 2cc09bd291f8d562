"""Django's, with figures for the month and with seconds."""

DATETIME_FORMAT = "d.m.Y H:i:s"
