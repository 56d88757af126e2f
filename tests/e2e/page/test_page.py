# SPDX-License-Identifier: Apache-2.0
"""The page at / of the admin listener, in a real browser, over made-up snapshots.

Screenshots go to the folder that LOOPSTALL_PAGE_SHOTS names, for a person to look at.
"""

import os
import pathlib
import subprocess

import pytest

from browser import Browser, find_chromium

SIZES = {"wide": (1200, 900), "narrow": (360, 740)}


class Fixture:
    """The fixture program; ends with its standard input."""

    def __init__(self, scene):
        self._process = subprocess.Popen([os.environ["LOOPSTALL_PAGE_FIXTURE"], scene],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/"

    def end(self):
        self._process.stdin.close()
        self._process.wait(10)


@pytest.fixture(scope="module")
def browser():
    if not find_chromium():
        pytest.skip("no chromium (Debian: chromium)")
    if not os.environ.get("LOOPSTALL_PAGE_FIXTURE"):
        pytest.skip("LOOPSTALL_PAGE_FIXTURE does not name the fixture program; run through ctest")
    with Browser() as running:
        yield running


@pytest.fixture
def page(browser, request):
    scene = getattr(request, "param", "busy")
    fixture = Fixture(scene)
    # The page of the test before must ask no more, nor be taken for this one's.
    browser.command("Page.navigate", url="about:blank")
    browser.wait_for("location.href === 'about:blank' && document.readyState === 'complete'")
    browser.events.clear()
    yield browser, fixture
    fixture.end()


def text_of(browser, selector):
    return browser.evaluate(f"document.querySelector({selector!r})?.innerText ?? ''")


def shoot(browser, name):
    folder = os.environ.get("LOOPSTALL_PAGE_SHOTS")
    if folder:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        browser.screenshot(pathlib.Path(folder) / f"{name}.png")


def test_names_the_culprit_and_the_remedy_first(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    first = text_of(browser, "#culprits article")
    assert "save_log takes 21 % of app.main:app" in first
    assert "waiting for the network" in first
    assert "app/services/log.py:12" in first
    assert "httpx.AsyncClient" in first
    # It stands above the fold of a small laptop.
    bottom = browser.evaluate(
        "document.querySelector('#culprits article .remedy').getBoundingClientRect().bottom")
    assert 0 < bottom < 700


def test_shows_the_loop_that_is_held_now(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    alarm = text_of(browser, "#now")
    assert "app.main:app is held now, for 4." in alarm
    assert "save_log" in alarm and "pid 48211" in alarm
    assert browser.evaluate("document.querySelectorAll('#now .alarm').length") == 1


def test_lists_loops_functions_causes_and_stalls(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    assert browser.evaluate("document.querySelectorAll('#loops tbody tr').length") == 4
    names = browser.evaluate(
        "[...document.querySelectorAll('#services section:first-child tbody .name')]"
        ".map((e) => e.textContent)")
    assert names == ["save_log", "compress_image", "retry", "~framework", "read_model",
                     "~unsampled"], "sorted by occupancy"
    assert "network" in text_of(browser, "#services .legend")
    stalls = text_of(browser, "#stalls")
    assert stalls.count("app.main:app") == 2 and "210 ms" in stalls


def test_hostile_names_are_text(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    browser.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert browser.evaluate("typeof window.pwned") == "undefined"
    assert browser.evaluate("document.querySelectorAll('img, main script').length") == 0
    text = text_of(browser, "main")
    assert text.count('<img src=x onerror="window.pwned=1">') >= 4
    assert "\\u202ecod.exe" in text, "a reversing character is shown, not obeyed"
    assert "\\u000a</script>" in text


def test_needs_nothing_from_elsewhere_and_breaks_no_policy(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    urls = [url for url in browser.requested_urls() if not url.startswith("data:")]
    assert urls, "the browser told of no request"
    assert [url for url in urls if not url.startswith(fixture.url)] == []
    assert browser.complaints() == []


def test_policy_stops_what_gets_in(page):
    """The second line of defence: even markup that reached the page could not run or load."""
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    blocked = browser.evaluate("""new Promise((resolve) => {
      const blocked = [];
      document.addEventListener("securitypolicyviolation", (e) => {
        blocked.push(e.effectiveDirective);
        if (blocked.length === 2) resolve(blocked.sort());
      });
      const script = document.createElement("script");
      script.textContent = "window.pwned = 2";
      document.body.append(script);
      const image = document.createElement("img");
      image.src = "http://192.0.2.1/x.png";
      document.body.append(image);
      setTimeout(() => resolve(blocked), 3000);
    })""")
    assert blocked == ["img-src", "script-src-elem"]
    assert browser.evaluate("typeof window.pwned") == "undefined"


def test_opened_stall_stays_open_over_refreshes(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    browser.evaluate("document.querySelector('details.stall').open = true")
    browser.evaluate("document.querySelector('#loops tbody').dataset.old = 'yes'")
    browser.wait_for("!document.querySelector('#loops tbody').dataset.old")
    assert browser.evaluate("document.querySelector('details.stall').open") is True
    assert "HTTPAdapter.send" in text_of(browser, "details.stall")
    assert "one coroutine in all 7 samples" in text_of(browser, "details.stall")


def test_says_what_the_agent_leaves_out(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    agent = text_of(browser, "#agent")
    assert "takes one stack of eight, to keep its budget; it costs 1.2 % of a core, of 1.5 %" in agent
    assert "functions use 40 of 5000 series; 7 functions had no room" in agent
    assert browser.evaluate("document.querySelectorAll('#agent .loss').length") >= 2


def test_says_when_the_agent_is_gone_and_keeps_what_it_knew(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    fixture.end()
    browser.wait_for("document.getElementById('status').className === 'status lost'")
    assert "save_log" in text_of(browser, "#culprits")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_fits_its_screen_and_can_be_read(page, size, scheme):
    browser, fixture = page
    width, height = SIZES[size]
    browser.show(fixture.url, width, height, scheme)
    browser.evaluate("document.querySelector('details.stall').open = true")
    shoot(browser, f"{size}-{scheme}")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(LOW_CONTRAST) == []


@pytest.mark.parametrize("page", ["calm"], indirect=True)
def test_healthy_service_has_no_culprit(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    shoot(browser, "calm")
    assert "no function has held a loop for long" in text_of(browser, "#culprits")
    assert text_of(browser, "#now") == ""
    assert "None so far." in text_of(browser, "#stalls")
    assert "calm.py" in text_of(browser, "#loops")


@pytest.mark.parametrize("page", ["empty"], indirect=True)
def test_empty_node_says_so(page):
    browser, fixture = page
    browser.show(fixture.url, *SIZES["wide"])
    shoot(browser, "empty")
    assert "No event loop found yet" in text_of(browser, "#culprits")


# Texts whose contrast with their background is below WCAG's 4.5.
LOW_CONTRAST = """(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = parse(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const low = new Set();
  for (const node of document.querySelectorAll("body *")) {
    if (![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) continue;
    if (node.closest("noscript, script")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.add(`${node.tagName}.${node.className}: ${ratio.toFixed(2)}`);
  }
  return [...low];
})()"""
