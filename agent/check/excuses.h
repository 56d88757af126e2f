// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "check/judgement.h"
#include "config/allow_list.h"

namespace loopstall::check {

/// What a finding is known again by: its rule, function and file. Not by its line, which moves.
using FindingId = std::tuple<std::string, std::string, std::string>;
FindingId id_of(const Finding& finding);

/// The findings of an earlier report (--format json). Fails with ErrorKind::usage: no such report.
base::Result<std::set<FindingId>> read_baseline(const std::string& json);

/// Marks findings that the team allows, on that day (YYYY-MM-DD), and those of the baseline.
void excuse(Judgement& judgement, const std::vector<config::Allowance>& allowed,
            const std::string& today, const std::set<FindingId>& baseline);

}  // namespace loopstall::check
