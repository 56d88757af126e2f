// SPDX-License-Identifier: Apache-2.0
/// How fast a scrape is rendered: of made-up services with many functions, in both text forms.
///
///     bench_exposition [REPETITIONS]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "exposition/sample_model.h"
#include "exposition/text_format.h"

namespace {

using namespace loopstall;
using exposition::Metric;
using Clock = std::chrono::steady_clock;

constexpr int kFunctionsOfService = 100;

/// What functions have in a scrape: a histogram and two counters each.
exposition::SampleModel make_model(int functions) {
  exposition::SampleModel model;
  stalls::DurationHistogram holds{};
  for (std::size_t i = 0; i < stalls::kBucketCount; ++i) holds.buckets[i] = 1000 * i;
  holds.sum_ns = 123'456'789'012;
  for (int i = 0; i < functions; ++i) {
    loops::LoopLabels service;
    service.process = fmt::format("orders-api-{}", i / kFunctionsOfService);
    service.runtime = "asyncio";
    const std::string function = fmt::format("OrderService.import_orders_{}", i);
    const std::string file = "orders/service.py";
    model.add(Metric::blocking_seconds, service, {function, file, "network"}, holds);
    model.add(Metric::function_busy_seconds, service, {function, file, "network"}, 12.3456789 + i);
    model.add(Metric::function_harm, service, {function, file, "network"}, 0.25 * i);
  }
  model.settle();
  return model;
}

double median_seconds(int repetitions, const exposition::SampleModel& model,
                      exposition::TextForm form, std::string& text) {
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = Clock::now();
    text = exposition::to_text(model, form);
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

std::size_t samples_in(const std::string& text) {
  std::size_t samples = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    samples += text[at] != '#';
  }
  return samples;
}

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 21;
  fmt::print("| form | samples | MB | ms | million samples/s |\n|---|---|---|---|---|\n");
  for (const int functions : {50, 500, 2500}) {
    const exposition::SampleModel model = make_model(functions);
    for (const auto form : {exposition::TextForm::prometheus, exposition::TextForm::open_metrics}) {
      std::string text;
      const double seconds = median_seconds(repetitions, model, form, text);
      const std::size_t samples = samples_in(text);
      fmt::print("| {} | {} | {:.2f} | {:.2f} | {:.1f} |\n",
                 form == exposition::TextForm::prometheus ? "text 0.0.4" : "OpenMetrics", samples,
                 static_cast<double>(text.size()) / 1e6, seconds * 1e3,
                 static_cast<double>(samples) / seconds / 1e6);
    }
  }
}
