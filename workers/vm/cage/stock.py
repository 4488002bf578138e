"""What is kept on a VM for the next run: environments and images. By the site's policy the one that was not used for longest goes
first, when it is too old or all of them take too much. Never one that a job or a service on this VM names, nor one of the last hour, which
a run may be about to name.
"""

import contextlib
import os
import re
import shutil
import time

from root_files import read

HOME = "/var/lib/edge-train"
USED = HOME + "/used"
TRASH = HOME + "/trash"
PLACES = (HOME + "/environments", HOME + "/images")
STAGING = HOME + "/images/staging"
DIGEST = re.compile("[0-9a-f]{64}")
DAY = 86400
HOUR = 3600


def touch(digest):
    with open("%s/%s" % (USED, digest), "a"):
        os.utime("%s/%s" % (USED, digest))


def prune(keep):
    """Before something new is made; `keep` is its digest. What an earlier call had no time to remove goes too."""
    policy = read("/etc/edge-train/policy.json") or {}
    if "cacheBytes" not in policy:
        return
    empty_trash()
    now = time.time()
    abandon_staging(keep, now - DAY)
    stock = sorted((last_used(path), size(path), path) for path in kept_places())
    total = sum(taken for _, taken, _ in stock)
    named = in_use() | {keep}
    for used, taken, path in stock:
        is_old = used < now - policy["cacheDays"] * DAY
        if os.path.basename(path) in named or last_used(path) > now - HOUR or not (is_old or total > policy["cacheBytes"]):
            continue
        throw_away(path)
        total -= taken
    empty_trash()


def kept_places():
    for place in PLACES:
        for name in os.listdir(place):
            if DIGEST.fullmatch(name):
                yield "%s/%s" % (place, name)


def in_use():
    named = set()
    for job in os.listdir(HOME + "/jobs"):
        terms = read("%s/jobs/%s/terms.json" % (HOME, job)) or {}
        named |= {terms.get("environment"), terms.get("image"), terms.get("tracking")}
    import services  # it needs the stock itself

    return named | services.images_in_use()


def last_used(path):
    try:
        return os.stat("%s/%s" % (USED, os.path.basename(path))).st_mtime
    except FileNotFoundError:
        return os.lstat(path).st_mtime


def size(path):
    """Bytes on the disk; a file of several names counts once."""
    seen = set()
    total = 0
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(os.path.join(folder, name))
                if status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
                    total += status.st_blocks * 512
                seen.add((status.st_dev, status.st_ino))
    return total


def abandon_staging(keep, before):
    for name in os.listdir(STAGING):
        path = "%s/%s" % (STAGING, name)
        with contextlib.suppress(FileNotFoundError):
            if name != keep and os.lstat(path).st_mtime < before:
                throw_away(path)


def throw_away(path):
    """Under its name it is whole or not at all."""
    os.rename(path, "%s/%s-%d" % (TRASH, os.path.basename(path), time.time_ns()))
    with contextlib.suppress(FileNotFoundError):
        os.unlink("%s/%s" % (USED, os.path.basename(path)))


def empty_trash():
    for name in os.listdir(TRASH):
        shutil.rmtree("%s/%s" % (TRASH, name), ignore_errors=True)
