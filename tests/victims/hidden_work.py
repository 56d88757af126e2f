# SPDX-License-Identifier: Apache-2.0
"""Libraries that compute on the loop's thread, some of them without a Python frame of their own."""

import asyncio
import re
import zlib

import victim


def hash_password(password):
    import bcrypt
    return bcrypt.hashpw(password, bcrypt.gensalt(10))


def compress_export(text):
    return zlib.compress(text, 9)


def check_name(text):
    """The pattern tries every way to split the letters."""
    return re.match(r"(?:[a-z]+)+$", text)


def render_list(template, rows):
    return template.render(rows=rows)


def make_password(_):
    hash_password(b"imported and compiled")
    return (b"correct horse",)


def make_export(_):
    return (b"".join(b"%d;order;%d\n" % (number, number * 7919 % 1000) for number in range(110_000)),)


def make_name(_):
    return ("a" * 22 + "!",)


def make_list(_):
    import jinja2
    template = jinja2.Environment(autoescape=True).from_string(
        "{% for row in rows %}<li>{{ row.name }}: {{ row.price }}</li>{% endfor %}")
    rows = [{"name": f"article {number}", "price": number % 97} for number in range(30_000)]
    return template, rows


_made = {}


def in_worker(function, make):
    """What cannot be sent to another process is made there."""
    _made.setdefault(function, make(None))
    function(*_made[function])


async def endpoint(run, function, work, mended):
    if not run.broken:
        return await mended()
    with run.hold(function):
        function(*work)


def computing(function, make, releases_gil):
    """Mended in a thread where the library lets go of the GIL, else in a process."""
    async def prepare_thread(run):
        await victim.full_thread_pool()
        return make(run), None

    def prepare(run):
        if not run.broken and releases_gil:
            return prepare_thread(run)
        return make(run), None if run.broken else victim.worker_process()

    async def run_case(run, prepared):
        work, workers = prepared

        async def mended():
            if releases_gil:
                return await asyncio.to_thread(function, *work)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(workers, in_worker, function, make)

        async for _ in run.rounds(None):
            await run.turn(endpoint(run, function, work, mended))

    run_case.__name__ = function.__name__
    victim.case(prepare)(run_case)


computing(hash_password, make_password, releases_gil=True)
computing(compress_export, make_export, releases_gil=True)
computing(check_name, make_name, releases_gil=False)
computing(render_list, make_list, releases_gil=False)


if __name__ == "__main__":
    victim.main()
