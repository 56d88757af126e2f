// SPDX-License-Identifier: Apache-2.0
#include "exposition/text_format.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>

namespace loopstall::exposition {
namespace {

constexpr std::string_view kTotal = "_total";

void append_value(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

/// Inside quotes: a label's value, and the help of OpenMetrics.
void append_escaped(std::string& out, std::string_view text, bool escapes_quotes) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (c == '"' && escapes_quotes)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
}

/// `a="b",c="d"`: rendered once for all lines of a series.
std::string labels_of(const Series& series) {
  std::string text;
  for (const Label& label : series.labels) {
    if (!text.empty()) text += ',';
    text.append(label.name).append("=\"");
    append_escaped(text, label.value, true);
    text += '"';
  }
  return text;
}

/// The `le` of each bucket.
const std::array<std::string, stalls::kBucketCount>& bucket_bounds() {
  static const auto bounds = [] {
    std::array<std::string, stalls::kBucketCount> texts;
    for (std::size_t i = 0; i < stalls::kBucketBoundsNs.size(); ++i) {
      append_value(texts[i], static_cast<double>(stalls::kBucketBoundsNs[i]) / 1e9);
    }
    texts.back() = "+Inf";
    return texts;
  }();
  return bounds;
}

/// One scrape in one form.
class Writer {
 public:
  explicit Writer(TextForm form) : form_(form) {}

  void add(const Family& family) {
    add_head(*family.info);
    for (const Series& series : family.series) {
      const std::string labels = labels_of(series);
      if (const auto* histogram = std::get_if<stalls::DurationHistogram>(&series.value)) {
        add_histogram(family.info->name, labels, *histogram, series.exemplars);
      } else {
        add_line(family.info->name, {}, labels, std::get<double>(series.value));
      }
      if (family.info->type != MetricType::gauge) add_created(*family.info, labels, series);
    }
  }

  std::string take() && {
    if (form_ == TextForm::open_metrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  bool is_open_metrics() const { return form_ == TextForm::open_metrics; }

  /// OpenMetrics names a counter's family without the suffix of its sample.
  std::string_view family_name(const MetricInfo& info) const {
    const bool has_suffix = info.type == MetricType::counter && info.name.ends_with(kTotal);
    return is_open_metrics() && has_suffix ? info.name.substr(0, info.name.size() - kTotal.size())
                                           : info.name;
  }

  void add_head(const MetricInfo& info) {
    const std::string_view name = family_name(info);
    out_.append("# HELP ").append(name) += ' ';
    append_escaped(out_, info.help, is_open_metrics());
    out_.append("\n# TYPE ").append(name) += ' ';
    out_.append(type_name(info.type)) += '\n';
    // A unit must be the end of the name.
    if (is_open_metrics() && !info.unit.empty() && name.ends_with(info.unit)) {
      out_.append("# UNIT ").append(name) += ' ';
      out_.append(info.unit) += '\n';
    }
  }

  void begin_line(std::string_view name, std::string_view suffix, std::string_view labels,
                  std::string_view bound = {}) {
    out_.append(name).append(suffix);
    if (!labels.empty() || !bound.empty()) {
      out_ += '{';
      out_.append(labels);
      if (!bound.empty()) {
        if (!labels.empty()) out_ += ',';
        out_.append("le=\"").append(bound) += '"';
      }
      out_ += '}';
    }
    out_ += ' ';
  }

  void add_line(std::string_view name, std::string_view suffix, std::string_view labels,
                double value) {
    begin_line(name, suffix, labels);
    append_value(out_, value);
    out_ += '\n';
  }

  void add_histogram(std::string_view name, std::string_view labels,
                     const stalls::DurationHistogram& histogram,
                     const std::vector<Exemplar>& exemplars) {
    uint64_t cumulative = 0;
    for (std::size_t i = 0; i < stalls::kBucketCount; ++i) {
      cumulative += histogram.buckets[i];
      begin_line(name, "_bucket", labels, bucket_bounds()[i]);
      fmt::format_to(std::back_inserter(out_), "{}", cumulative);
      if (is_open_metrics()) add_exemplar(exemplars, i);
      out_ += '\n';
    }
    add_line(name, "_sum", labels, static_cast<double>(histogram.sum_ns) / 1e9);
    add_line(name, "_count", labels, static_cast<double>(cumulative));
  }

  void add_created(const MetricInfo& info, std::string_view labels, const Series& series) {
    if (!is_open_metrics() || series.created_seconds == 0) return;
    begin_line(family_name(info), "_created", labels);
    fmt::format_to(std::back_inserter(out_), "{:.3f}\n", series.created_seconds);
  }

  void add_exemplar(const std::vector<Exemplar>& exemplars, std::size_t bucket) {
    for (const Exemplar& exemplar : exemplars) {
      if (exemplar.bucket != bucket) continue;
      out_ += " # {stall_id=\"";
      append_escaped(out_, exemplar.stall_id, true);
      fmt::format_to(std::back_inserter(out_), "\"}} {} {:.3f}", exemplar.seconds,
                     exemplar.wall_seconds);
      return;
    }
  }

  const TextForm form_;
  std::string out_;
};

}  // namespace

std::string_view content_type(TextForm form) {
  return form == TextForm::open_metrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string to_text(const SampleModel& model, TextForm form) {
  Writer writer(form);
  for (const Family& family : model.families()) {
    if (!family.series.empty()) writer.add(family);
  }
  return std::move(writer).take();
}

}  // namespace loopstall::exposition
