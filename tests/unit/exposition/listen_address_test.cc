// SPDX-License-Identifier: Apache-2.0
#include "exposition/listen_address.h"

#include <gtest/gtest.h>

namespace loopstall::exposition {
namespace {

std::string parsed(std::string_view text) {
  const auto address = parse_listen_address(text, "--listen");
  return address ? address->text() : "error: " + address.error().message;
}

TEST(ListenAddress, ReadsWhatUsersWrite) {
  EXPECT_EQ(parsed("0.0.0.0:9877"), "0.0.0.0:9877");
  EXPECT_EQ(parsed(":9877"), "0.0.0.0:9877");
  EXPECT_EQ(parsed("localhost:9878"), "127.0.0.1:9878");
  EXPECT_EQ(parsed("127.0.0.1:0"), "127.0.0.1:0");
  EXPECT_EQ(parsed("[::1]:9878"), "[::1]:9878");
}

TEST(ListenAddress, RefusesTheRestInOneSentence) {
  for (const char* text : {"", "9877", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                           "127.0.0.1:-1", "256.0.0.1:1", "example.org:80", "::1:80", "[x]:80",
                           "127.0.0.1:9877s", "127.0.0.1:9877,0.0.0.0:1", "[]:1"}) {
    const auto address = parse_listen_address(text, "--admin-listen");
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().kind, base::ErrorKind::usage);
    EXPECT_EQ(address.error().message,
              "--admin-listen " + std::string(text) +
                  " is not ADDRESS:PORT; write for example 127.0.0.1:9877");
  }
}

}  // namespace
}  // namespace loopstall::exposition
