// SPDX-License-Identifier: Apache-2.0
#include "expected_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace loopstall::golden {

namespace fs = std::filesystem;

bool is_updating() { return std::getenv("UPDATE_GOLDEN") != nullptr; }

void expect_as_recorded(const fs::path& path, const std::string& text) {
  if (is_updating()) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream in(path);
  ASSERT_TRUE(in) << path << " is missing";
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(in), {})) << path;
}

std::vector<std::string> names_in(const fs::path& folder, const std::string& extension) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace loopstall::golden
