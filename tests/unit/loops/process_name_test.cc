// SPDX-License-Identifier: Apache-2.0
#include "loops/process_name.h"

#include <gtest/gtest.h>

#include <sstream>

namespace loopstall::loops {
namespace {

// Words are separated by blanks; a word with blanks is given in a list instead.
std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

std::string name_of(const std::string& line, std::string_view exe = "python3.11") {
  return process_name(words(line), exe);
}

struct Case {
  const char* line;
  const char* name;
};

TEST(ProcessName, NamesPythonPrograms) {
  const std::vector<Case> cases = {
      {"python script.py", "script.py"},
      {"python3 /srv/app/main.py --port 8000", "main.py"},
      {"/usr/bin/python3.11 -u -X dev -W ignore /srv/app/main.py", "main.py"},
      {"python -uB main.py", "main.py"},
      {"python -Xdev -Wignore -OO main.py", "main.py"},
      {"python --check-hash-based-pycs always main.py", "main.py"},
      {"python -m pkg.mod --flag", "pkg.mod"},
      {"python -mpkg.mod", "pkg.mod"},
      {"python -um pkg.mod", "pkg.mod"},
      {"python -X importtime -m pkg.mod", "pkg.mod"},
      {"python3.13t main.py", "main.py"},
      {"python3-dbg main.py", "main.py"},
      {"pypy3 main.py", "main.py"},
      {"python /srv/app/__main__.py", "app"},
      {"python /srv/app", "app"},
      {"python /srv/app/", "app"},
      {"python", "python"},
      {"python -", "python"},
      {"python -m", "python"},
      {"python manage.py runserver", "manage.py"},
      {"/usr/bin/python3 /srv/bin/worker", "worker"},
      {"python pythonic.py", "pythonic.py"},
  };
  for (const Case& c : cases) EXPECT_EQ(name_of(c.line), c.name) << c.line;
}

TEST(ProcessName, NamesStringPrograms) {
  EXPECT_EQ(process_name({"python3", "-c", "import time; time.sleep(1)"}, "python3.11"),
            "python -c");
  EXPECT_EQ(process_name({"python3", "-uc", "x"}, "python3.11"), "python -c");
  EXPECT_EQ(process_name({"python3", "-c", "from multiprocessing import Pool"}, "python3.11"),
            "python -c");
}

TEST(ProcessName, LeavesMultiprocessingWorkersToTheirParent) {
  EXPECT_EQ(process_name({"/usr/bin/python3", "-c",
                          "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5)",
                          "--multiprocessing-fork"},
                         "python3.11"),
            "");
  EXPECT_EQ(process_name({"/usr/bin/python3", "-c",
                          "from multiprocessing.forkserver import main; main(4, 5)"},
                         "python3.11"),
            "");
}

TEST(ProcessName, LeavesWorkersOfOtherStartersToTheirParent) {
  EXPECT_EQ(process_name({"python3", "-c", "import acme; acme.work()", "--multiprocessing-fork"},
                         "python3.11"),
            "");
}

TEST(ProcessName, NamesTheApplicationOfServers) {
  const std::vector<Case> cases = {
      {"uvicorn app.main:app", "app.main:app"},
      {"/usr/bin/python3 /usr/bin/uvicorn app.main:app --port 8000", "app.main:app"},
      {"python -m uvicorn app.main:app --port 1", "app.main:app"},
      {"python -m uvicorn --host 0.0.0.0 --port 80 app.main:app", "app.main:app"},
      {"uvicorn --reload --factory app:create", "app:create"},
      {"uvicorn --header Server:acme --no-access-log app:app", "app:app"},
      {"uvicorn --loop=uvloop --some-new-flag app:app", "app:app"},
      {"python /usr/lib/python3/dist-packages/uvicorn/__main__.py app:app", "app:app"},
      {"gunicorn -k uvicorn.workers.UvicornWorker app.main:app", "app.main:app"},
      {"gunicorn -w 4 -b 0.0.0.0:80 -c python:conf.gunicorn app.main:app", "app.main:app"},
      {"gunicorn --preload app.main:create_app()", "app.main:create_app()"},
      {"gunicorn app.wsgi", "app.wsgi"},
      {"gunicorn -c conf.py", "gunicorn"},
      {"hypercorn app:app --bind 0.0.0.0:80", "app:app"},
      {"hypercorn -k uvloop app:app", "app:app"},
      {"daphne -p 80 proj.asgi:application", "proj.asgi:application"},
      {"fastapi run app/main.py --port 80", "main.py"},
      {"fastapi run --app api", "api"},
      {"flask --app=shop run", "shop"},
      {"flask run", "flask"},
      {"celery -A proj worker -l info", "proj"},
      {"python -m celery --app=proj.tasks worker", "proj.tasks"},
      {"arq app.worker.WorkerSettings", "app.worker.WorkerSettings"},
      {"taskiq worker app:broker", "app:broker"},
  };
  for (const Case& c : cases) EXPECT_EQ(name_of(c.line), c.name) << c.line;
}

TEST(ProcessName, ReadsGunicornsTitles) {
  EXPECT_EQ(process_name({"gunicorn: worker [shop]"}, "python3.11"), "shop");
  EXPECT_EQ(process_name({"gunicorn: master [app.main:app]", "", "", ""}, "python3.11"),
            "app.main:app");
  EXPECT_EQ(process_name({"gunicorn: worker []"}, "python3.11"), "python3.11");
}

TEST(ProcessName, SkipsLaunchers) {
  const std::vector<Case> cases = {
      {"tini -- uvicorn app:app", "app:app"},
      {"/sbin/tini -g -- python main.py", "main.py"},
      {"dumb-init python -m pkg.mod", "pkg.mod"},
      {"/usr/bin/env PORT=80 python main.py", "main.py"},
      {"env -u HOME python main.py", "main.py"},
      {"nice -n 5 python main.py", "main.py"},
      {"taskset 0x1 python main.py", "main.py"},
      {"timeout -k 5 60 python main.py", "main.py"},
      {"gosu app:app python main.py", "main.py"},
      {"/venv/bin/python /venv/bin/ddtrace-run uvicorn app:app", "app:app"},
      {"opentelemetry-instrument --service_name shop uvicorn app:app", "app:app"},
      {"newrelic-admin run-program gunicorn app.main:app", "app.main:app"},
      {"uv run uvicorn app:app", "app:app"},
      {"uv --quiet run --with httpx -- python main.py", "main.py"},
      {"uv run main.py", "main.py"},
      {"uv run -m pkg.mod", "pkg.mod"},
      {"poetry run python -m pkg.mod", "pkg.mod"},
      {"coverage run --source app -m uvicorn app:app", "app:app"},
      {"python -m coverage run main.py", "main.py"},
      {"/usr/bin/python3 /usr/bin/python3-coverage run -m uvicorn app:app", "app:app"},
      {"/usr/bin/python3 /usr/bin/python3-shop run -m uvicorn", "python3-shop"},
      {"python -m debugpy --listen 5678 -m uvicorn app:app", "app:app"},
      {"tini -- dumb-init -- env A=1 nice python main.py", "main.py"},
      {"tini -- /usr/local/bin/acmed --fast", "acmed"},
  };
  for (const Case& c : cases) EXPECT_EQ(name_of(c.line), c.name) << c.line;
}

TEST(ProcessName, ReadsShellPrograms) {
  const auto shell = [](const char* program) {
    return process_name({"/bin/sh", "-c", program}, "dash");
  };
  EXPECT_EQ(shell("uvicorn app:app"), "app:app");
  EXPECT_EQ(shell("cd /srv && exec uvicorn app:app --port $PORT"), "app:app");
  EXPECT_EQ(shell("alembic upgrade head; PORT=80 python -m pkg.mod;"), "pkg.mod");
  EXPECT_EQ(shell("python 'my script.py'"), "my script.py");
  EXPECT_EQ(shell("python my\\ script.py > /dev/null"), "my script.py");
  EXPECT_EQ(shell(""), "sh");
  EXPECT_EQ(process_name({"bash", "-lc", "python main.py"}, "bash"), "main.py");
  EXPECT_EQ(process_name({"bash", "/srv/entrypoint.sh", "serve"}, "bash"), "entrypoint.sh");
}

TEST(ProcessName, FallsBackToTheExecutable) {
  EXPECT_EQ(process_name({"nginx: worker process"}, "nginx"), "nginx");
  EXPECT_EQ(process_name({"/usr/sbin/redis-server *:6379"}, "/usr/bin/redis-server"),
            "redis-server");
  EXPECT_EQ(process_name({"my title"}, "python3.11 (deleted)"), "python3.11");
  EXPECT_EQ(process_name({}, "kthreadd"), "kthreadd");
  EXPECT_EQ(process_name({"", ""}, "python3.11"), "python3.11");
  EXPECT_EQ(process_name({"/opt/acmed"}, ""), "acmed");
  EXPECT_EQ(process_name({}, ""), "unknown");
  EXPECT_EQ(process_name({"node", "--inspect", "/srv/server.js"}, "node"), "server.js");
}

TEST(ProcessName, TakesTheUsersNames) {
  const ProcessNames names = {{"main.py", "shop"}, {"", "never"}};
  EXPECT_EQ(process_name({"python", "main.py"}, "python3.11", names), "shop");
  EXPECT_EQ(process_name({"python", "other.py"}, "python3.11", names), "other.py");
}

TEST(ProcessName, BoundsWhatTheTargetSays) {
  EXPECT_EQ(process_name({"python", std::string(5'000, 'x')}, "python3.11").size(),
            kMaxProcessNameBytes);
  EXPECT_EQ(process_name({"python", "a\xFF\n.py"}, "python3.11"), "a\xEF\xBF\xBD?.py");
  std::vector<std::string> endless(100'000, "nice");
  EXPECT_EQ(process_name(endless, "nice"), "nice");
  std::vector<std::string> wrapped(10, "nice");
  wrapped.insert(wrapped.end(), {"python", "main.py"});
  EXPECT_EQ(process_name(wrapped, "nice"), "main.py");
  wrapped.insert(wrapped.begin(), 10, "nice");
  EXPECT_EQ(process_name(wrapped, "nice"), "nice");
  std::string nested = "x";
  for (int i = 0; i < 40; ++i) nested = "sh -c " + nested;
  EXPECT_FALSE(process_name({"sh", "-c", nested}, "sh").empty());
}

TEST(PythonProgram, TellsWhatTheInterpreterRuns) {
  EXPECT_EQ(python_program(words("python -u app/main.py")).script, "app/main.py");
  EXPECT_EQ(python_program(words("tini -- python /srv/main.py")).script, "/srv/main.py");
  EXPECT_EQ(python_program(words("python -m pkg.mod")).script, "");
  EXPECT_EQ(python_program(words("python /venv/bin/uvicorn app:app")).script, "");
  EXPECT_EQ(python_program(words("uvicorn --app-dir src app:app")).app_dir, "src");
  EXPECT_EQ(python_program(words("uvicorn --app-dir=src app:app")).app_dir, "src");
  EXPECT_TRUE(python_program({"python", "-c", "pass"}).main_is_string);
  EXPECT_FALSE(python_program({"python", "main.py", "-c", "x"}).main_is_string);
}

}  // namespace
}  // namespace loopstall::loops
