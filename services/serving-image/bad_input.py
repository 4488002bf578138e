"""What is wrong with a body, by the path of each place."""

MOST_PROBLEMS = 20


class BadInput(Exception):
    def __init__(self, *problems):
        super().__init__(problems[0]["message"])
        self.problems = problems[:MOST_PROBLEMS]


def problem(path, message, **more):
    return {"path": path or "body", "message": message, **more}
