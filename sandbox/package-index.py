"""Asks pip which package index this machine uses, and which hosts that index' own links point to. Prints JSON."""

import html.parser
import json
import sys
from urllib.parse import urljoin, urlsplit


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        href = dict(attributes).get("href")
        if tag == "a" and href:
            self.found.append(href)


def endpoint(url):
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def links(session, index):
    page = index.rstrip("/") + "/iniconfig/"  # a small project that every index has or mirrors
    response = session.get(page, headers={"Accept": "text/html"}, timeout=20)
    response.raise_for_status()
    parser = Links()
    parser.feed(response.text)
    return [response.url, *(urljoin(response.url, link) for link in parser.found)]


def main():
    from pip._internal.commands import create_command

    command = create_command("install")
    options, _ = command.parse_args(["x"])
    indexes = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    hosts, problems = [], []
    with command.main_context():
        session = command.get_default_session(options)
        for index in indexes:
            hosts.append(endpoint(index))
            try:
                hosts += map(endpoint, links(session, index))
            except Exception as error:
                problems.append(f"{endpoint(index)}: {type(error).__name__}")
    unique = list(dict.fromkeys(host for host in hosts if host))
    json.dump({"url": indexes[0] if indexes else None, "hosts": unique, "problems": problems}, sys.stdout)


main()
