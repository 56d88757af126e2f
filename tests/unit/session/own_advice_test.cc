// SPDX-License-Identifier: Apache-2.0
#include "session/own_advice.h"

#include <gtest/gtest.h>

namespace loopstall::session {
namespace {

config::Config config_with(std::vector<std::string> causes) {
  config::Config config;
  config.advice.push_back({"soap/", "Client.call", std::move(causes), "Use soap.aio.", 7});
  return config;
}

TEST(OwnAdvice, HasTheCausesThatAreNamed) {
  const auto own = own_advice(config_with({"network", "gc"}));
  ASSERT_TRUE(own);
  ASSERT_EQ(own->size(), 1u);
  EXPECT_EQ(own->at(0).causes, stalls::on(stalls::Cause::network) | stalls::on(stalls::Cause::gc));
  EXPECT_EQ(own->at(0).library, "soap/");
  EXPECT_EQ(own->at(0).function, "Client.call");
  EXPECT_EQ(own->at(0).text, "Use soap.aio.");
  EXPECT_EQ(own_advice(config_with({}))->at(0).causes, 0u) << "any";
}

TEST(OwnAdvice, ACauseThatThereIsNotIsRefused) {
  const auto own = own_advice(config_with({"netwrok"}));
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().kind, base::ErrorKind::usage);
  EXPECT_EQ(own.error().message,
            "--advice: line 7: there is no cause \"netwrok\"; did you mean network?");
}

}  // namespace
}  // namespace loopstall::session
