// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "exposition/sample_model.h"

namespace loopstall::exposition {

/// What scrapers ask for by the Accept header.
enum class TextForm {
  prometheus,   ///< the Prometheus text exposition, version 0.0.4
  open_metrics  ///< OpenMetrics 1.0.0, with units and exemplars
};

/// The media type of that form.
std::string_view content_type(TextForm form);

/// Families without series are left out. Names and values of series are the same in both forms,
/// bounds of buckets too.
std::string to_text(const SampleModel& model, TextForm form = TextForm::prometheus);

}  // namespace loopstall::exposition
