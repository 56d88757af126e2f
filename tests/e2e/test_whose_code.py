# SPDX-License-Identifier: Apache-2.0
"""Whose code is it? Real installs, real services: each rule of docs/attribution.md, with the
function that it blames.

The services run at once, each broken and mended; what the agent said of each request is then held
against the table below.
"""

import contextlib
import dataclasses

import pytest

from harness import matching, waiting
from harness.agent import Agent
from harness.parallel import in_threads
from harness.whose_code import Installed, Service

ROUNDS = 3
HANDSHAKES = 32
SHORTEST_SECONDS = 0.02  # the threshold of the agent
SLEEPS = ("sleep",)
COMPUTES = ("cpu", "gc")

pytestmark = pytest.mark.usefixtures("privileged")


@dataclasses.dataclass(frozen=True)
class Rule:
    """A request, and who must be blamed for its hold."""

    service: str
    path: str
    function: str
    file: str
    entry: str
    why: str = "own_file"
    causes: tuple = SLEEPS

    def __str__(self):
        return f"{self.service}-{self.path.strip('/')}"


SHOP = [
    #     path                     function              file                    entry
    #     why, where it is not that no package owns the file
    ("/helper",                   "save_log",           "shop/main.py",         "upload"),
    # Whose package it is: by how it was installed.
    ("/directory",                "settle",             "acme/billing/api.py",  "invoice",
     "local_directory"),
    ("/wheel",                    "ship",               "shop/main.py",         "ship"),
    ("/target_directory",         "count",              "stock/count.py",       "take_stock",
     "local_directory"),
    ("/target_wheel",             "weigh_parcel",       "shop/main.py",         "weigh_parcel"),
    ("/editable",                 "post",               "ledger/book.py",       "close_day"),
    ("/configured",               "evaluate",           "acme_core/rules.py",   "quote",
     "application_package"),
    ("/well_known",               "wait_for_stock",     "shop/main.py",         "wait_for_stock"),
    # Code without a file.
    ("/dataclass",                "new_order",          "shop/main.py",         "new_order"),
    ("/import_own",               "read_rules",         "shop/plugin.py",       "load_plugin"),
    ("/import_library",           "import_anew",        "shop/main.py",         "load_driver"),
    # What stands around an endpoint.
    ("/decorated",                "save_log",           "shop/main.py",         "pay"),
    ("/decorator_itself",         "throttled.<locals>.wrapper", "shop/limits.py",
     "throttled.<locals>.wrapper"),
    ("/generated_decorator",      "save_log",           "shop/main.py",         "refund"),
    ("/transparent",              "fetch_rates",        "shop/main.py",         "fetch_rates"),
    ("/pure_middleware",          "Timing.__call__",    "shop/middleware.py",   "Timing.__call__"),
    ("/base_middleware",          "Audit.dispatch",     "shop/middleware.py",   "Audit.dispatch"),
    ("/dependency",               "query_user",         "shop/main.py",         "current_user"),
    # Libraries that call back, wait by themselves, or are all there is.
    ("/callback",                 "charge",             "shop/main.py",         "charge_card"),
    ("/library_waits",            "charge_later",       "shop/main.py",         "charge_later"),
    ("/library_endpoint",         "print_label",        "acme/shipping/api.py", "",
     "installed"),
    ("/serialised_by_framework",  "~framework",         "",                     "",
     "", COMPUTES),
]

RULES = [
    *(Rule("shop-asyncio", *row) for row in SHOP),
    *(Rule("shop-uvloop", *row) for row in SHOP),
    Rule("zipapp", "/zipped", "print_ticket", "kiosk/service.py", "sell"),
    Rule("zipapp", "/zipped_well_known", "wait_for_coins", "kiosk/service.py", "wait_for_coins"),
    # Its RECORD is in the zip too, where the agent does not read it.
    Rule("zipapp", "/zipped_wheel", "weigh", "parcels/scale.py", "weigh_coins"),
    Rule("dash-c", "/program", "count_stars", "<string>", "app", "main_program"),
    Rule("stdin", "/program", "count_stars", "<stdin>", "app", "main_program"),
    Rule("tls-asyncio", "handshakes", "~framework", "", "", "", COMPUTES),
    Rule("tls-uvloop", "handshakes", "~framework", "", "", "", COMPUTES),
]


def services_of(form, installed, certificates):
    sources, python = installed.sources, installed.python
    plain = sources / "plain.py"
    for loop in ("asyncio", "uvloop"):
        yield Service(f"shop-{loop}", form, [python, "-m", "uvicorn", "shop.main:app", "--port",
                                             "{port}", "--loop", loop, "--log-level", "error"],
                      installed)
        key, certificate = certificates[form]
        yield Service(f"tls-{loop}", form, [python, plain], installed, scheme="https", LOOP=loop,
                      KEY=str(key), CERTIFICATE=str(certificate))
    yield Service("zipapp", form, [python, installed.folder / "kiosk.pyz", "{port}"], installed,
                  PYTHONPATH="")
    yield Service("dash-c", form, [python, "-c", plain.read_text()], installed)
    yield Service("stdin", form, [python, "-"], installed, program=plain)


def drive(service, computing):
    """Sends the requests of the service's rules: of those that compute, or of those that sleep."""
    for _ in range(ROUNDS):
        for rule in RULES:
            if rule.service != service.name or (rule.causes == COMPUTES) != computing:
                continue
            if rule.path == "handshakes":
                service.request_handshakes(rule.path, HANDSHAKES)
            else:
                service.request(rule.path)


@pytest.fixture(scope="module")
def answers(privileged, agent_binary, scratch):
    """(service, form) -> (Service, its stall records), after all requests."""
    installed = Installed(scratch / "whose_code")
    certificates = installed.certificates()
    with contextlib.ExitStack() as alive:
        agent = alive.enter_context(Agent("--transparent", "http_get", "--application-package",
                                          "acme-core", "--application-package", "retrying"))
        services = [alive.enter_context(service) for form in ("broken", "mended")
                    for service in services_of(form, installed, certificates)]
        in_threads(Service.wait_until_it_answers, services)
        for service in services:
            agent.wait_for_loop(service.pid, seconds=30)
        in_threads(lambda service: drive(service, computing=False), services)
        for service in services:
            drive(service, computing=True)
        with contextlib.suppress(AssertionError):  # missing records are the tests' to report
            waiting.until(lambda: all(
                record and seconds_of(record, rule) >= SHORTEST_SECONDS
                for service in services if service.form == "broken"
                for rule in RULES if rule.service == service.name
                for record in service.found(rule.path, agent.records(service.pid), rule.causes)),
                5, "every hold has its record", every=0.25)
        yield {(service.name, service.form): (service, agent.records(service.pid))
               for service in services}


def seconds_of(record, rule):
    return sum(record["causes"].get(cause, 0) for cause in rule.causes)


def longest_hold(record):
    """The collector's time and the machine's have names of their own, and can be the most where little else is done."""
    return max((hold for hold in record["holds"] if hold["function"] not in ("~gc", "~machine")),
               key=lambda hold: hold["seconds"])


def found(answers, rule, form):
    service, records = answers[rule.service, form]
    return service.found(rule.path, records, rule.causes)


each_rule = pytest.mark.parametrize("rule", RULES, ids=str)


@each_rule
def test_blames(rule, answers):
    records = found(answers, rule, "broken")
    assert len(records) == ROUNDS and all(records)
    holds = [longest_hold(record) for record in records]
    assert {(hold["function"], hold["file"], hold["entry"], hold["why"]) for hold in holds} == {
        (rule.function, rule.file, rule.entry, rule.why)}


@each_rule
def test_measures(rule, answers):
    """No less than was slept, and no more than the requests took. A thread that loses its CPU
    after it has set its timer sleeps less: that much it waited for the machine.
    """
    service, _ = answers[rule.service, "broken"]
    longest = max(after - before for before, after in service.requests[rule.path]) / 1e9
    shortest = 0.0599 if rule.causes == SLEEPS else SHORTEST_SECONDS
    for record in found(answers, rule, "broken"):
        assert record
        assert shortest - matching.machine_seconds(record) <= seconds_of(record, rule) <= longest


@each_rule
def test_mended_twin_is_silent(rule, answers):
    held = [seconds_of(record, rule) for record in found(answers, rule, "mended") if record]
    if rule.causes == SLEEPS:
        assert max(held, default=0) < SHORTEST_SECONDS
    else:  # it computes a little, and so does all that is around it
        broken = [seconds_of(record, rule) for record in found(answers, rule, "broken") if record]
        assert max(held, default=0) < max(broken) / 2
