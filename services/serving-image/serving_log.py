"""What the server prints: one line of JSON for each request, without what was asked or answered. Named by logging.json."""

import json
import logging


class NoProbes(logging.Filter):
    """`GET /` is asked every few seconds by whoever watches the service."""

    def filter(self, record):
        return not (isinstance(record.args, dict) and (record.args.get("m"), record.args.get("U")) == ("GET", "/"))


class RequestLine(logging.Formatter):
    """Of gunicorn's access log, whose records hold what its own format would name:
    https://docs.gunicorn.org/en/stable/settings.html#access-log-format. The path is told without the query."""

    def format(self, record):
        if not isinstance(record.args, dict):
            return json.dumps({"level": record.levelname.lower(), "message": record.getMessage()})
        told = record.args
        return json.dumps(
            {
                "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
                "method": told.get("m"),
                "path": told.get("U"),
                "status": int(told.get("s", 0)),
                "bytes": told.get("B"),
                "milliseconds": int(told.get("D", 0)) / 1000,
            }
        )
