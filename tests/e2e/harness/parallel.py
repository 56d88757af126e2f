# SPDX-License-Identifier: Apache-2.0
"""The same for several at once."""

import threading


def in_threads(function, arguments):
    """Calls it with each of the arguments at once; the first problem is raised when all are over."""
    problems = []

    def guarded(argument):
        try:
            function(argument)
        except Exception as problem:  # pylint: disable=broad-except
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
