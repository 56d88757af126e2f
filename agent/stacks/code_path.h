// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stacks/rooted_tree.h"

namespace loopstall::stacks {

/// A path split at the folder that packages are imported from.
struct SitePath {
  std::string directory;  ///< ".../site-packages", ".../dist-packages", or a zip
  std::string below;      ///< what follows: "starlette/routing.py"
};

/// Splits at the last site-packages or dist-packages component; nothing when there is none.
std::optional<SitePath> split_site_path(std::string_view path);

/// Splits at the zip that the module was imported from (/srv/app.pyz/app/main.py): the first
/// component that is named like one and is a regular file, of the first eight that are.
std::optional<SitePath> split_zip_path(const RootedTree& tree, std::string_view path);

/// The standard library's folder that the path lies in, by its form alone: .../lib/python3.11
/// (lib64, pypy3.10, python3.13t) or .../python311.zip. Site folders are the caller's to rule out.
std::optional<std::string> stdlib_dir_by_form(std::string_view path);

/// The folder that holds the package `asyncio`, for the modules of it that stand in every stack of
/// a loop: .../asyncio/base_events.py. It may be a folder of the user's with such a name.
std::optional<std::string> dir_of_asyncio(std::string_view path);

/// Whether the file is text that a template engine compiles, by the ending of its name. Jinja2
/// gives its code objects the name of the template (jinja2/environment.py, Environment.compile).
bool is_template(std::string_view path);

/// "acme/billing/api.py" -> "acme.billing.api".
std::string module_of(std::string_view below_root);

/// Whether `path` lies below `directory`.
bool is_below(std::string_view path, std::string_view directory);

}  // namespace loopstall::stacks
