"""Writes at which address models of this machine are asked, as policy.json has it: one file, read by the launcher. Sends nothing."""

import json
import os
import socket

ANSWER = "/run/edge-train/address/answer.json"


def main():
    with open("/etc/edge-train/policy.json") as file:
        listen = json.load(file)["services"]["listen"]
    with open(ANSWER + ".new", "w") as file:
        json.dump({"listen": listen, "address": own_address(listen)}, file)
    os.rename(ANSWER + ".new", ANSWER)


def own_address(listen):
    """The one that is listened at, or, for all, the one by which this machine reaches others; None where it has no such."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            if listen == "0.0.0.0":
                tried.connect(("192.0.2.1", 9))  # RFC 5737: nobody's. It chooses the way, and sends nothing
            else:
                tried.bind((listen, 0))
        except OSError:
            return None
        return tried.getsockname()[0]


if __name__ == "__main__":
    main()
