// SPDX-License-Identifier: Apache-2.0
#include "stacks/code_path.h"

#include <algorithm>
#include <array>

namespace loopstall::stacks {
namespace {

// A path is the target's to choose: each part of it might be named like an archive.
constexpr int kMaxZipLookups = 8;

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "python3.11", "python3.13t", "pypy3.10"
bool is_versioned_folder(std::string_view name) {
  for (const std::string_view prefix : {"python3.", "pypy3."}) {
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    if (name.ends_with('t')) name.remove_suffix(1);
    return is_digits(name);
  }
  return false;
}

bool is_named_like_a_zip(std::string_view name) {
  constexpr auto kSuffixes =
      std::to_array<std::string_view>({".pyz", ".pyzw", ".zip", ".egg", ".pex", ".whl"});
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [name](std::string_view suffix) { return name.ends_with(suffix); });
}

bool is_stdlib_zip(std::string_view name) {
  constexpr std::string_view kPrefix = "python3";
  constexpr std::string_view kSuffix = ".zip";
  return name.starts_with(kPrefix) && name.ends_with(kSuffix) &&
         name.size() > kPrefix.size() + kSuffix.size() &&
         is_digits(name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
}

}  // namespace

std::optional<SitePath> split_site_path(std::string_view path) {
  std::size_t end = 0;
  for (const std::string_view folder : {"/site-packages/", "/dist-packages/"}) {
    const std::size_t at = path.rfind(folder);
    if (at != std::string_view::npos) end = std::max(end, at + folder.size());
  }
  if (end == 0) return std::nullopt;
  return SitePath{std::string(path.substr(0, end - 1)), std::string(path.substr(end))};
}

std::optional<SitePath> split_zip_path(const RootedTree& tree, std::string_view path) {
  int lookups = 0;
  for (std::size_t end = path.find('/', 1); end != std::string_view::npos;
       end = path.find('/', end + 1)) {
    if (!is_named_like_a_zip(path.substr(0, end))) continue;
    if (++lookups > kMaxZipLookups) return std::nullopt;
    std::string zip(path.substr(0, end));
    if (tree.has_file(zip)) return SitePath{std::move(zip), std::string(path.substr(end + 1))};
  }
  return std::nullopt;
}

std::optional<std::string> stdlib_dir_by_form(std::string_view path) {
  std::string_view parent;
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = path.find('/', start);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view name = path.substr(start, end - start);
    const bool in_lib = parent == "lib" || parent == "lib64";
    if ((in_lib && is_versioned_folder(name)) || is_stdlib_zip(name)) {
      return std::string(path.substr(0, end));
    }
    parent = name;
    start = end + 1;
  }
  return std::nullopt;
}

std::optional<std::string> dir_of_asyncio(std::string_view path) {
  for (const std::string_view module :
       {"/asyncio/base_events.py", "/asyncio/events.py", "/asyncio/runners.py"}) {
    if (path.size() > module.size() && path.ends_with(module)) {
      return std::string(path.substr(0, path.size() - module.size()));
    }
  }
  return std::nullopt;
}

bool is_template(std::string_view path) {
  // Not .cfg or .conf: such files are executed as Python too (buildbot's master.cfg).
  constexpr auto kEndings = std::to_array<std::string_view>(
      {".html", ".htm", ".xhtml", ".xml", ".svg",   ".txt",    ".text", ".md",   ".rst",
       ".tex",  ".csv", ".css",   ".js",  ".json",  ".yaml",   ".yml",  ".toml", ".sql",
       ".sh",   ".eml", ".email", ".j2",  ".jinja", ".jinja2", ".tmpl", ".tpl",  ".template"});
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [path](std::string_view ending) { return path.ends_with(ending); });
}

std::string module_of(std::string_view below_root) {
  if (below_root.ends_with(".py")) below_root.remove_suffix(3);
  std::string module(below_root);
  std::replace(module.begin(), module.end(), '/', '.');
  return module;
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

}  // namespace loopstall::stacks
