"""Makes kazoo's own test harness start another server than Apache's, and writes down how each test ended.

The harness writes zoo.cfg, myid and jaas.conf into a folder and starts `java ... QuorumPeerMain zoo.cfg`. Here the name
`subprocess` in kazoo.testing.common is replaced by one whose Popen starts INTEROP_SERVER (a command; the path of zoo.cfg
follows) and hands over what the harness gave Java as properties: `-Dzookeeper.x=v` becomes the line `x=v`, which is how
Apache itself reads it, and so does the JAAS file's path, under its own name. Servers listen on the loopback only.

INTEROP_RESULTS: a file that gets one line of JSON for each test. INTEROP_LOGS: a folder for what the servers say.
"""

import json
import os
import re
import shlex
import subprocess

LOGGING = ("zookeeper.log.", "zookeeper.root.logger")
ORDER = {"passed": 0, "skipped": 1, "failed": 2}


class Launcher:
    def __getattr__(self, name):
        return getattr(subprocess, name)

    def Popen(self, args=None, **kwargs):
        config = args[-1]
        properties = dict(arg[2:].partition("=")[::2] for arg in args if arg.startswith("-D"))
        lines = ["", "clientPortAddress=127.0.0.1", "secureClientPortAddress=127.0.0.1"]
        for key, value in properties.items():
            if key.startswith("zookeeper.") and not key.startswith(LOGGING):
                lines.append("%s=%s" % (key[len("zookeeper.") :], value))
            elif key in ("readonlymode.enabled", "java.security.auth.login.config"):
                lines.append("%s=%s" % (key, value))
        with open(config, "a") as file:
            file.write("\n".join(lines) + "\n")
        with open(config) as file:
            port = re.search(r"^clientPort=(\d+)", file.read(), re.M).group(1)
        log = open(os.path.join(os.environ["INTEROP_LOGS"], "server-%s.log" % port), "ab")
        command = shlex.split(os.environ["INTEROP_SERVER"]) + [config]
        return subprocess.Popen(command, **dict(kwargs, stdout=log, stderr=subprocess.STDOUT))


class Results:
    """A test passes when its setup, its call and its teardown do."""

    def __init__(self):
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        outcome, why = self.outcomes.get(report.nodeid, ("passed", ""))
        if ORDER[report.outcome] > ORDER[outcome]:
            crash = getattr(report.longrepr, "reprcrash", None)
            outcome, why = report.outcome, crash.message if crash else str(report.longrepr)[-300:]
        self.outcomes[report.nodeid] = (outcome, why)

    def pytest_sessionfinish(self):
        with open(os.environ["INTEROP_RESULTS"], "w") as file:
            for test, (outcome, why) in self.outcomes.items():
                name = re.sub(r"^.*?kazoo/tests/", "", test)
                first = why.splitlines()[0] if why else ""
                file.write(json.dumps({"test": name, "outcome": outcome, "why": first}) + "\n")


def pytest_configure(config):
    from kazoo.testing import common

    common.subprocess = Launcher()
    config.pluginmanager.register(Results(), "interop-results")
