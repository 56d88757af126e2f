// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace loopstall::exposition {

/// A file of web/, compiled in.
struct PageAsset {
  std::string_view path;  ///< as requested: "/" is index.html
  std::string_view content_type;
  std::string_view content;
};

/// Null when there is none.
const PageAsset* find_page_asset(std::string_view path);

}  // namespace loopstall::exposition
