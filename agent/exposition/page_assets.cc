// SPDX-License-Identifier: Apache-2.0
#include "exposition/page_assets.h"

#include <array>

namespace loopstall::exposition {

// Defined by the build, from the files of web/ (cmake/embed_files.cmake).
extern const std::string_view kPageHtml;
extern const std::string_view kPageScript;
extern const std::string_view kPageStyle;

const PageAsset* find_page_asset(std::string_view path) {
  static const std::array<PageAsset, 3> assets = {{
      {"/", "text/html; charset=utf-8", kPageHtml},
      {"/page.js", "text/javascript; charset=utf-8", kPageScript},
      {"/page.css", "text/css; charset=utf-8", kPageStyle},
  }};
  for (const PageAsset& asset : assets) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

}  // namespace loopstall::exposition
