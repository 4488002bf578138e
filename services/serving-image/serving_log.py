"""What the server prints: lines of JSON, none with what was asked or answered. Named by logging.json."""

import json
import logging
import sys
import traceback
import warnings

from flask import has_request_context


class NoProbes(logging.Filter):
    """`GET /` is asked every few seconds by whoever watches the service."""

    def filter(self, record):
        return not (isinstance(record.args, dict) and (record.args.get("m"), record.args.get("U")) == ("GET", "/"))


class ServerLine(logging.Formatter):
    """What the server and the script say beside that. Of an exception while a request is answered nothing is told but its type
    and where it was raised, since its message may quote the input; of one while the model is loaded, all is."""

    def format(self, record):
        raised = (record.exc_info or sys.exc_info())[1]
        told = {"time": self.formatTime(record, TIME), "level": record.levelname.lower()}
        if raised and serving(record):
            # The text that the message begins with is the server's own: after it come the request's line or the traceback.
            said = str(record.msg).replace("%s", "").partition("Traceback (most recent call last)")[0].partition(": ")[0]
            told |= {"message": said.strip(), "exceptions": [place(error) for error in chain(raised)]}
        else:
            told |= {"message": record.getMessage()}
            if record.exc_info:
                told["message"] += "\n" + self.formatException(record.exc_info)
        return json.dumps(told)


class RequestLine(logging.Formatter):
    """Of gunicorn's access log, whose records hold what its own format would name:
    https://docs.gunicorn.org/en/stable/settings.html#access-log-format. The path is told without the query."""

    def format(self, record):
        told = record.args
        return json.dumps(
            {
                "time": self.formatTime(record, TIME),
                "method": told.get("m"),
                "path": told.get("U"),
                "status": int(told.get("s", 0)),
                "bytes": told.get("B"),
                "milliseconds": int(told.get("D", 0)) / 1000,
            }
        )


def serving(record):
    """A request that is none is refused by gunicorn itself, before there is a context of it."""
    refused = record.name == "gunicorn.error" and record.levelno >= logging.WARNING
    return has_request_context() or (refused and record.msg != "Exception in worker process")


def chain(error):
    """From what was raised last to its first cause. None twice: a script may tie them to a ring."""
    found = []
    while error and not any(error is each for each in found):
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def place(error):
    frames = traceback.extract_tb(error.__traceback__)
    return {"type": type(error).__qualname__, "at": f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None}


def warn(message, category, filename, lineno, file=None, line=None):
    """In place of Python's own, which prints plain text. What a warning says while a request is answered may quote the input too."""
    said = f"{category.__name__} at {filename}:{lineno}"
    logging.getLogger("py.warnings").warning(said if has_request_context() else f"{said}: {message}")


warnings.showwarning = warn

TIME = "%Y-%m-%dT%H:%M:%S%z"
