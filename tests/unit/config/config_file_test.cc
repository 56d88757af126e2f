// SPDX-License-Identifier: Apache-2.0
#include "config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace loopstall::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<FileKey> kKeys = {{"stall-threshold"}, {"listen"}, {"transparent", true}};

std::string refusal(const std::string& text) {
  const auto read = read_config_file(text, kKeys);
  if (read) return "accepted";
  EXPECT_EQ(read.error().kind, base::ErrorKind::usage);
  return read.error().message;
}

TEST(ConfigFile, IsRead) {
  const auto values =
      read_config_file("# ours\nstall-threshold: 200ms\ntransparent: [Client.get, retry]\n", kKeys);
  ASSERT_TRUE(values) << values.error().message;
  EXPECT_THAT(values->at("stall-threshold").values, ElementsAre("200ms"));
  EXPECT_EQ(values->at("stall-threshold").line, 2);
  EXPECT_THAT(values->at("transparent").values, ElementsAre("Client.get", "retry"));
  EXPECT_TRUE(read_config_file("", kKeys)->empty());
  EXPECT_TRUE(read_config_file("# nothing\n", kKeys)->empty());
}

TEST(ConfigFile, AnUnknownKeyGetsTheNearest) {
  EXPECT_EQ(refusal("listen: a\nstall-treshold: 1s\n"),
            "line 2: there is no option \"stall-treshold\"; did you mean stall-threshold?");
  EXPECT_THAT(refusal("frobnicate: 1"), HasSubstr("--help lists them"));
  EXPECT_THAT(refusal("\"a\\x1b[2J\": 1"), HasSubstr("\"a\\x1b[2J\"")) << "escaped";
}

TEST(ConfigFile, WhatIsNoOptionIsRefused) {
  EXPECT_THAT(refusal("listen: a\nlisten: b\n"), HasSubstr("line 2: listen is there twice"));
  EXPECT_THAT(refusal("listen: [a, b]"), HasSubstr("listen needs one value"));
  EXPECT_THAT(refusal("transparent: {a: b}"), HasSubstr("a value or a list of values"));
  EXPECT_THAT(refusal("transparent: [[a]]"), HasSubstr("a list of values"));
  EXPECT_THAT(refusal("- listen"), HasSubstr("keys with values"));
  EXPECT_THAT(refusal("[a]: b"), HasSubstr("the name of an option"));
  EXPECT_THAT(refusal("listen: ["), HasSubstr("line"));
}

}  // namespace
}  // namespace loopstall::config
