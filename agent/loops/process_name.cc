// SPDX-License-Identifier: Apache-2.0
#include "loops/process_name.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/utf8.h"

namespace loopstall::loops {
namespace {

using Words = std::vector<std::string>;

// Wrappers within wrappers; more than this is no real command line.
constexpr int kMaxLaunchers = 16;
constexpr std::size_t kMaxWords = 512;

// A program that runs the command in its last words.
struct Launcher {
  std::string_view name;
  std::string_view subcommand;               // the word that must follow its name
  std::vector<std::string_view> with_value;  // options whose value is the next word
  int operands = 0;                          // words of its own before the command
};

const auto kLaunchers = std::to_array<Launcher>({
    {"tini", "", {"-p", "-e"}},
    {"tini-static", "", {"-p", "-e"}},
    {"dumb-init", "", {"-r", "--rewrite"}},
    {"docker-init", "", {}},
    {"catatonit", "", {}},
    {"env", "", {"-u", "--unset", "-C", "--chdir"}},
    {"nice", "", {"-n", "--adjustment"}},
    {"ionice", "", {"-c", "-n", "--class", "--classdata"}},
    {"chrt", "", {"-T", "-P", "-D"}, 1},
    {"taskset", "", {}, 1},
    {"timeout", "", {"-s", "-k", "--signal", "--kill-after"}, 1},
    {"nohup", "", {}},
    {"setsid", "", {}},
    {"stdbuf", "", {"-i", "-o", "-e"}},
    {"numactl", "", {}},
    {"catchsegv", "", {}},
    {"gosu", "", {}, 1},
    {"su-exec", "", {}, 1},
    {"s6-setuidgid", "", {}, 1},
    {"setpriv", "", {"--reuid", "--regid"}},
    {"sudo", "", {"-u", "-g", "--user", "--group"}},
    {"exec", "", {"-a"}},
    {"ddtrace-run", "", {}},
    {"ddtrace", "", {}},
    {"opentelemetry-instrument",
     "",
     {"--traces_exporter", "--metrics_exporter", "--logs_exporter", "--service_name",
      "--exporter_otlp_endpoint"}},
    {"newrelic-admin", "run-program", {}},
    {"newrelic-admin", "run-python", {}},
    {"elasticapm-run", "", {"--config"}},
    {"coverage",
     "run",
     {"--rcfile", "--source", "--include", "--omit", "--data-file", "--concurrency", "--context"}},
    {"memray", "run", {"-o", "--output"}},
    {"debugpy", "", {"--listen", "--connect", "--log-to"}},
    {"uv",
     "run",
     {"--with", "--python", "-p", "--project", "--directory", "--extra", "--group", "--env-file",
      "--package"}},
    {"uvx", "", {"--from", "--with", "--python", "-p"}},
    {"poetry", "run", {}},
    {"pipenv", "run", {}},
    {"pdm", "run", {"-p", "--project"}},
    {"rye", "run", {}},
    {"hatch", "run", {}},
    {"conda", "run", {"-n", "--name", "-p", "--prefix", "--cwd"}},
    {"micromamba", "run", {"-n", "--name", "-p", "--prefix", "--cwd"}},
    {"pixi", "run", {"-e", "--environment", "--manifest-path"}},
    {"dotenv", "run", {}},
    {"doppler", "run", {"-p", "--project", "-c", "--config"}},
});

// A server that is given the application by name.
struct Server {
  std::string_view name;
  std::vector<std::string_view> flags;        // options without a value
  std::vector<std::string_view> app_options;  // options whose value is the application
  std::vector<std::string_view> subcommands;  // operands that are no application
};

const auto kServers = std::to_array<Server>({
    {"uvicorn",
     {"--reload", "--factory", "--use-colors", "--no-use-colors", "--proxy-headers",
      "--no-proxy-headers", "--server-header", "--no-server-header", "--date-header",
      "--no-date-header", "--access-log", "--no-access-log", "--help", "--version"},
     {},
     {}},
    {"gunicorn",
     {"--reload",
      "--preload",
      "--preload-app",
      "-D",
      "--daemon",
      "--check-config",
      "--print-config",
      "--spew",
      "--capture-output",
      "--log-syslog",
      "-R",
      "--enable-stdio-inheritance",
      "--no-sendfile",
      "--initgroups",
      "--proxy-protocol",
      "--reuse-port",
      "--suppress-ragged-eofs",
      "--do-handshake-on-connect",
      "--disable-redirect-access-to-syslog",
      "-v",
      "--version",
      "-h",
      "--help"},
     {},
     {}},
    {"hypercorn",
     {"--reload", "--debug", "--daemon", "-D", "-h", "--help", "--websocket-no-ping"},
     {},
     {}},
    {"daphne", {"--proxy-headers", "--no-server-name", "-h", "--help"}, {}, {}},
    {"granian",
     {"--reload", "--factory", "--access-log", "--no-access-log", "--no-ws", "--ws"},
     {},
     {}},
    {"fastapi",
     {"--reload", "--no-reload", "--proxy-headers", "--no-proxy-headers"},
     {"--app", "-e", "--entrypoint"},
     {"run", "dev"}},
    {"flask", {"--debug", "--no-debug", "--reload", "--no-reload"}, {"--app", "-A"}, {"run"}},
    {"litestar", {"--reload", "-r", "--debug", "-d"}, {"--app"}, {"run"}},
    {"sanic",
     {"--debug", "-d", "--dev", "--reload", "-r", "--fast", "--factory", "--simple"},
     {},
     {}},
    {"celery", {}, {"-A", "--app"}, {"worker", "beat", "multi", "flower"}},
    {"arq", {"--burst", "--check", "--verbose", "-v"}, {}, {}},
    {"taskiq", {"--reload", "-r", "--no-configure-logging"}, {}, {"worker", "scheduler"}},
    {"faststream", {"--reload"}, {}, {"run"}},
    {"streamlit", {}, {}, {"run"}},
});

template <typename List>
bool has(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string_view base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

// "PORT=80"
bool is_assignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  return equals != std::string_view::npos && equals > 0 && word[0] != '-' &&
         word.substr(0, equals).find_first_of("/.:") == std::string_view::npos;
}

bool is_shell(std::string_view name) {
  return has(std::to_array<std::string_view>({"sh", "bash", "dash", "ash", "zsh", "ksh"}), name);
}

// python, python3, python3.11, python3.13t, python3-dbg, pypy3, and a login shell's "-python"
bool is_python(std::string_view name) {
  for (const std::string_view prefix : {"python", "pypy"}) {
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    if (name.ends_with("-dbg")) name.remove_suffix(4);
    if (name.ends_with('t') || name.ends_with('d')) name.remove_suffix(1);
    return name.find_first_not_of("0123456789.") == std::string_view::npos;
  }
  return false;
}

bool is_node(std::string_view name) { return name == "node" || name == "nodejs"; }

bool is_identifier_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_dotted_name(std::string_view text) {
  if (text.empty() || !is_identifier_start(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_identifier_start(c) || (c >= '0' && c <= '9') || c == '.';
  });
}

// "app.main:app", "app.main:create_app()"
bool is_app_spec(std::string_view word) {
  const std::size_t colon = word.find(':');
  return colon != std::string_view::npos && is_dotted_name(word.substr(0, colon)) &&
         colon + 1 < word.size() && is_identifier_start(word[colon + 1]);
}

// The last simple command of a shell program: `cd /srv && exec uvicorn app:app` is uvicorn's.
// Expansions stay as they are written.
Words last_shell_command(std::string_view program) {
  Words words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  const auto end_word = [&] {
    if (in_word && words.size() < kMaxWords) words.push_back(word);
    word.clear();
    in_word = false;
  };
  for (std::size_t i = 0; i < program.size(); ++i) {
    const char c = program[i];
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < program.size()) {
      word += program[++i];
      in_word = true;
    } else if (c == ';' || c == '&' || c == '|' || c == '\n') {
      end_word();
      const bool more = program.find_first_not_of(" \t\r\n;&|", i + 1) != std::string_view::npos;
      if (more) words.clear();
    } else if (c == ' ' || c == '\t' || c == '\r') {
      end_word();
    } else {
      word += c;
      in_word = true;
    }
  }
  end_word();
  return words;
}

// What a command line comes to once its launchers are off.
struct Program {
  std::string name;         // empty: multiprocessing's worker
  bool is_command = false;  // `name` is the command's own, not of what it was given
  PythonProgram python;
};

using Args = std::span<const std::string>;

Program named(std::string_view name) { return {std::string(name), false, {}}; }

const Server* find_server(std::string_view name) {
  const auto server = std::find_if(kServers.begin(), kServers.end(),
                                   [name](const Server& s) { return s.name == name; });
  return server == kServers.end() ? nullptr : &*server;
}

// The words after a launcher's own; nothing when it is none.
std::optional<Args> after_launcher(std::string_view name, Args args) {
  for (const Launcher& launcher : kLaunchers) {
    if (launcher.name != name) continue;
    Args rest = args;
    if (!launcher.subcommand.empty()) {
      // Its own options may stand before the subcommand: `uv --quiet run …`.
      while (!rest.empty() && is_option(rest[0])) rest = rest.subspan(1);
      if (rest.empty() || rest[0] != launcher.subcommand) continue;
      rest = rest.subspan(1);
    }
    int operands = launcher.operands;
    while (!rest.empty()) {
      const std::string& word = rest[0];
      if (word == "--") {
        rest = rest.subspan(1);
        if (operands == 0) break;
      } else if ((name == "uv" || name == "coverage" || name == "debugpy") && word == "-m") {
        break;
      } else if (is_option(word)) {
        const bool value = has(launcher.with_value, word);
        rest = rest.subspan(std::min<std::size_t>(value ? 2 : 1, rest.size()));
      } else if (is_assignment(word)) {
        rest = rest.subspan(1);
      } else if (operands > 0) {
        --operands;
        rest = rest.subspan(1);
      } else {
        break;
      }
    }
    return rest;
  }
  return std::nullopt;
}

std::string app_dir_of(Args args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--app-dir" && i + 1 < args.size()) return args[i + 1];
    if (args[i].starts_with("--app-dir=")) return args[i].substr(10);
  }
  return "";
}

// A file given to a server (`fastapi run app/main.py`) is named like any script.
std::string application_name(std::string_view word) {
  return std::string(word.ends_with(".py") ? base_name(word) : word);
}

std::string application_of(const Server& server, Args args) {
  std::string_view operand;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    const std::size_t equals = word.find('=');
    if (is_option(word) && has(server.app_options, std::string_view(word).substr(0, equals))) {
      if (equals != std::string::npos) return application_name(word.substr(equals + 1));
      if (i + 1 < args.size()) return application_name(args[i + 1]);
    } else if (is_option(word)) {
      if (equals == std::string::npos && !has(server.flags, word)) ++i;
    } else if (operand.empty() && !has(server.subcommands, word)) {
      operand = word;
    }
  }
  if (!operand.empty()) return application_name(operand);
  // A flag that the table does not know has swallowed it.
  const auto spec = std::find_if(args.begin(), args.end(),
                                 [](const std::string& word) { return is_app_spec(word); });
  return spec == args.end() ? std::string(server.name) : *spec;
}

// "gunicorn: worker [app.main:app]", the title that gunicorn gives its processes
std::optional<std::string> gunicorn_title(std::string_view title) {
  if (!title.starts_with("gunicorn: ")) return std::nullopt;
  const std::size_t open = title.find('[');
  const std::size_t close = title.rfind(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close <= open + 1) {
    return std::nullopt;
  }
  return std::string(title.substr(open + 1, close - open - 1));
}

Program resolve(Args args, int depth);

Program resolve_command(std::string_view name, Args args, int depth) {
  if (const Server* server = find_server(name)) {
    Program program = named(application_of(*server, args));
    program.python.app_dir = app_dir_of(args);
    return program;
  }
  if (const auto rest = after_launcher(name, args); rest && !rest->empty()) {
    // `coverage run -m mod` and `coverage run script.py` take the interpreter's own words.
    const bool takes_script = (*rest)[0] == "-m" || (*rest)[0].ends_with(".py");
    if (!takes_script) return resolve(*rest, depth + 1);
    Words words{"python"};
    words.insert(words.end(), rest->begin(), rest->end());
    return resolve(words, depth + 1);
  }
  Program program = named(name);
  program.is_command = true;
  return program;
}

bool is_known_command(std::string_view name, Args args) {
  return find_server(name) != nullptr || after_launcher(name, args).has_value();
}

Program resolve_module(std::string_view module, Args args, int depth) {
  if (is_known_command(module, args)) return resolve_command(module, args, depth);
  return named(module);
}

Program resolve_script(const std::string& script, Args args, int depth) {
  std::string_view name = base_name(script);
  if (name == "__main__.py") name = base_name(parent_of(script));
  if (is_known_command(name, args)) return resolve_command(name, args, depth);
  // Debian's name for a module's own script: python3-coverage.
  constexpr std::string_view kDebianPrefix = "python3-";
  if (name.starts_with(kDebianPrefix)) {
    const std::string_view module = name.substr(kDebianPrefix.size());
    if (is_known_command(module, args)) return resolve_command(module, args, depth);
  }
  Program program = named(name);
  program.python.script = script;
  return program;
}

Program resolve_string(std::string_view code) {
  Program program;
  program.python.main_is_string = true;
  const bool is_worker = code.starts_with("from multiprocessing.");
  if (!is_worker) program.name = "python -c";
  return program;
}

// The interpreter's options: CPython, Python/getopt.c.
Program resolve_python(Args args, int depth) {
  if (has(args, "--multiprocessing-fork")) return {};
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word == "-") break;
    if (word == "--check-hash-based-pycs") {
      ++i;
      continue;
    }
    if (word.starts_with("--")) continue;
    if (!is_option(word)) return resolve_script(word, args.subspan(i + 1), depth);
    // Letters may be joined ("-uc"); that of an option with a value ends them.
    const std::size_t letter = word.find_first_of("cmWX", 1);
    if (letter == std::string::npos) continue;
    const bool joined = letter + 1 < word.size();
    const std::size_t at = joined ? i : i + 1;
    if (at >= args.size()) break;
    const std::string value = joined ? word.substr(letter + 1) : args[at];
    if (word[letter] == 'c') return resolve_string(value);
    if (word[letter] == 'm') return resolve_module(value, args.subspan(at + 1), depth);
    i = at;
  }
  return named("python");
}

Program resolve_shell(std::string_view name, Args args, int depth) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (!is_option(word)) return named(base_name(word));
    const bool has_program = !word.starts_with("--") && word.find('c') != std::string::npos;
    if (has_program && i + 1 < args.size()) {
      Words words = last_shell_command(args[i + 1]);
      const auto command = std::find_if_not(words.begin(), words.end(), is_assignment);
      words.erase(words.begin(), command);
      if (!words.empty()) return resolve(words, depth + 1);
    }
  }
  return named(name);
}

Program resolve_node(Args args) {
  const auto script = std::find_if_not(args.begin(), args.end(), is_option);
  return named(script == args.end() ? "node" : base_name(*script));
}

Program resolve(Args args, int depth) {
  if (args.empty()) return {"", true, {}};
  if (const auto title = gunicorn_title(args[0])) return named(*title);
  std::string_view name = base_name(args[0]);
  if (name.starts_with('-')) name.remove_prefix(1);
  const Args rest = args.subspan(1);
  if (depth >= kMaxLaunchers) return {std::string(name), true, {}};
  if (is_python(name)) return resolve_python(rest, depth);
  if (is_shell(name)) return resolve_shell(name, rest, depth);
  if (is_node(name)) return resolve_node(rest);
  return resolve_command(name, rest, depth);
}

// Titles leave empty words behind where the old command line was longer.
Args without_padding(Args args) {
  while (!args.empty() && args.back().empty()) args = args.first(args.size() - 1);
  return args.first(std::min(args.size(), kMaxWords));
}

std::string_view without_deleted(std::string_view exe) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (exe.ends_with(kDeleted)) exe.remove_suffix(kDeleted.size());
  return base_name(exe);
}

}  // namespace

std::string process_name(const std::vector<std::string>& cmdline, std::string_view exe,
                         const ProcessNames& overrides) {
  const Args args = without_padding(cmdline);
  const Program program = resolve(args, 0);
  std::string_view name = program.name;
  if (program.is_command) {
    // argv[0] may be any title; of the process itself its executable says what it is.
    const bool itself = args.empty() || name == base_name(args[0]);
    if ((itself || name.empty()) && !exe.empty()) name = without_deleted(exe);
    if (name.empty()) name = "unknown";
  }
  const std::string bounded = base::bounded_utf8(name, kMaxProcessNameBytes);
  const auto override = overrides.find(bounded);
  if (override == overrides.end()) return bounded;
  return base::bounded_utf8(override->second, kMaxProcessNameBytes);
}

PythonProgram python_program(const std::vector<std::string>& cmdline) {
  return resolve(without_padding(cmdline), 0).python;
}

}  // namespace loopstall::loops
