// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exposition/sample_model.h"

namespace loopstall::exposition {

/// Media type of `to_text`.
inline constexpr std::string_view kTextContentType = "text/plain; version=0.0.4; charset=utf-8";

/// The Prometheus text exposition, version 0.0.4. Families without series are left out.
std::string to_text(const SampleModel& model);

}  // namespace loopstall::exposition
