// SPDX-License-Identifier: Apache-2.0
#include "stacks/code_origin.h"

#include <algorithm>
#include <optional>

#include "stacks/code_path.h"
#include "stacks/well_known.h"

namespace loopstall::stacks {
namespace {

// Folders kept per process; a hostile target could name any number.
constexpr std::size_t kMaxFolders = 1'024;
constexpr int kMaxAncestors = 32;

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

CodeOrigin::CodeOrigin(ProcessCode process, OriginOptions options)
    : process_(std::move(process)), options_(std::move(options)), tree_(process_.root) {
  // Users name distributions as often as import names; a dash can only be the former.
  for (std::string& name : options_.application_packages) {
    std::replace(name.begin(), name.end(), '-', '_');
  }
}

Ownership CodeOrigin::classify(std::string_view filename) {
  if (filename.empty()) return Ownership::generated;
  if (filename.starts_with('<') && filename.ends_with('>')) return classify_special(filename);
  if (is_template(filename)) return Ownership::template_text;
  const std::string path = normalised_path(filename, process_.cwd.empty() ? "/" : process_.cwd);
  if (const auto site = split_site_path(path)) {
    return classify_below(site->directory, site->below, InstalledPackages::Scope::site);
  }
  if (is_stdlib(path)) return Ownership::stdlib_folder;
  if (is_well_known_launcher(path)) return Ownership::server_script;
  if (const auto zip = split_zip_path(tree_, path)) return classify_zipped(zip->below);
  return classify_elsewhere(path);
}

Ownership CodeOrigin::classify_special(std::string_view name) const {
  if (name.starts_with("<frozen ")) return Ownership::frozen;
  if (name == "<stdin>") return Ownership::main_program;
  if (name == "<string>" && process_.main_is_string) return Ownership::main_program;
  return Ownership::generated;
}

// The file lies in a folder of installed packages, or beside one's dist-info.
Ownership CodeOrigin::classify_below(const std::string& directory, std::string_view below,
                                     InstalledPackages::Scope scope) {
  using Owner = InstalledPackages::Owner;
  const bool in_site = scope == InstalledPackages::Scope::site;
  // Decided by name alone, so that most frames cost no look at the folder.
  const std::string module = module_of(below);
  const bool well_known = is_well_known_package(module);
  if (in_site && well_known) return Ownership::listed;
  const Owner owner = packages(directory, scope).owner(below);
  if (owner == Owner::nobody && !in_site) return Ownership::own_file;
  if (well_known) return Ownership::listed;
  if (owner == Owner::local_directory) return Ownership::local_directory;
  return is_configured(module) ? Ownership::application_package : Ownership::installed;
}

// A zip has one import root, so that a listed name at its top is that package, and no RECORD that
// is read: what else it holds counts as the user's.
Ownership CodeOrigin::classify_zipped(std::string_view below) const {
  return is_well_known_package(module_of(below)) ? Ownership::listed : Ownership::own_file;
}

// Beside the user's own files, distributions may be installed too (pip install --target).
Ownership CodeOrigin::classify_elsewhere(const std::string& path) {
  std::string directory = parent_of(path);
  for (int level = 0; level < kMaxAncestors; ++level) {
    const std::string_view below =
        std::string_view(path).substr(directory == "/" ? 1 : directory.size() + 1);
    const Ownership owner = classify_below(directory, below, InstalledPackages::Scope::elsewhere);
    if (owner != Ownership::own_file || directory == "/") return owner;
    directory = parent_of(directory);
  }
  return Ownership::own_file;
}

bool CodeOrigin::is_stdlib(const std::string& path) {
  if (!process_.stdlib_dir.empty() && is_below(path, process_.stdlib_dir)) return true;
  const auto by_form = stdlib_dir_by_form(path);
  const auto candidate = by_form ? by_form : dir_of_asyncio(path);
  if (!candidate) return false;
  // When the frame's own file cannot be seen (the process is gone, its library has only .pyc
  // files or is a zip), no file can decide, and the form must do.
  const bool certain = holds_stdlib(*candidate);
  if (!certain && (!by_form || tree_.has_file(path))) return false;
  if (process_.stdlib_dir.empty()) process_.stdlib_dir = *candidate;
  return true;
}

bool CodeOrigin::holds_stdlib(const std::string& directory) {
  if (const auto known = stdlib_dirs_.find(directory); known != stdlib_dirs_.end()) {
    return known->second;
  }
  if (stdlib_dirs_.size() >= kMaxFolders) return false;
  const bool holds =
      tree_.has_file(directory + "/os.py") && tree_.has_file(directory + "/asyncio/events.py");
  return stdlib_dirs_[directory] = holds;
}

bool CodeOrigin::is_configured(std::string_view module) const {
  return std::any_of(options_.application_packages.begin(), options_.application_packages.end(),
                     [module](const std::string& name) {
                       return module == name ||
                              (module.size() > name.size() && module.starts_with(name) &&
                               module[name.size()] == '.');
                     });
}

const InstalledPackages& CodeOrigin::packages(const std::string& directory,
                                              InstalledPackages::Scope scope) {
  if (const auto known = packages_.find(directory); known != packages_.end()) return known->second;
  if (packages_.size() >= kMaxFolders) packages_.clear();
  return packages_.emplace(directory, InstalledPackages(tree_, directory, scope)).first->second;
}

}  // namespace loopstall::stacks
