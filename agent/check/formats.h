// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "check/report.h"

namespace loopstall::check {

// Each ends with a line break.

/// For people.
std::string to_text(const Judgement& judgement, const Criteria& criteria, const Locate& locate);

/// For programs, and as a baseline.
std::string to_json(const Judgement& judgement, const Criteria& criteria, const Locate& locate);

/// A test case for each function, as CI services show them.
std::string to_junit(const Judgement& judgement, const Criteria& criteria, const Locate& locate);

/// SARIF 2.1.0 (OASIS), for code scanning. Findings that do not fail are suppressed results.
std::string to_sarif(const Judgement& judgement, const Criteria& criteria, const Locate& locate);

/// "pass", "fail" or "unjudged".
std::string verdict_of(const Judgement& judgement);

}  // namespace loopstall::check
