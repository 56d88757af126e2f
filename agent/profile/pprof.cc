// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <protozero/pbf_builder.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/gzip.h"
#include "profile/formats.h"
#include "profile/words.h"

namespace loopstall::profile {
namespace {

// The fields of github.com/google/pprof proto/profile.proto that are written here.
enum class ProfileField : protozero::pbf_tag_type {
  sample_type = 1,
  sample = 2,
  location = 4,
  function = 5,
  string_table = 6,
  time_nanos = 9,
  duration_nanos = 10,
  period_type = 11,
  period = 12,
  comment = 13,
  default_sample_type = 14
};
enum class ValueTypeField : protozero::pbf_tag_type { type = 1, unit = 2 };
enum class SampleField : protozero::pbf_tag_type { location_id = 1, value = 2, label = 3 };
enum class LabelField : protozero::pbf_tag_type { key = 1, str = 2 };
enum class LocationField : protozero::pbf_tag_type { id = 1, line = 4 };
enum class LineField : protozero::pbf_tag_type { function_id = 1, line = 2 };
enum class FunctionField : protozero::pbf_tag_type {
  id = 1,
  name = 2,
  system_name = 3,
  filename = 4
};

template <typename Field>
using Message = protozero::pbf_builder<Field>;

/// The message of strings, numbered in the order of first use; 0 is the empty one.
class Strings {
 public:
  Strings() { number(""); }

  int64_t number(std::string_view text) {
    const auto [known, is_new] = numbers_.emplace(text, all_.size());
    if (is_new) all_.push_back(&known->first);
    return static_cast<int64_t>(known->second);
  }
  const std::vector<const std::string*>& all() const { return all_; }

 private:
  std::map<std::string, std::size_t> numbers_;
  std::vector<const std::string*> all_;
};

/// Writes one profile. Numbers of places and functions begin with 1: 0 is reserved.
class Writer {
 public:
  explicit Writer(const Profile& profile) : profile_(profile), message_(text_) {}

  std::string text() {
    add_value_type(ProfileField::sample_type);
    for (const Sample& sample : profile_.samples) add_sample(sample);
    for (std::size_t place = 0; place < profile_.places.size(); ++place) add_location(place);
    for (const auto& [function, number] : functions_) add_function(function, number);
    message_.add_int64(ProfileField::time_nanos, static_cast<int64_t>(profile_.start_wall_ns));
    message_.add_int64(ProfileField::duration_nanos, static_cast<int64_t>(profile_.duration_ns));
    add_value_type(ProfileField::period_type);
    message_.add_int64(ProfileField::period, 1);
    message_.add_int64(ProfileField::comment, strings_.number(profile_.title));
    message_.add_int64(ProfileField::default_sample_type, strings_.number("busy"));
    for (const std::string* text : strings_.all()) {
      message_.add_string(ProfileField::string_table, *text);
    }
    return std::move(text_);
  }

 private:
  using Function = std::pair<std::string, std::string>;  // name, file

  void add_value_type(ProfileField field) {
    Message<ValueTypeField> type(message_, field);
    type.add_int64(ValueTypeField::type, strings_.number("busy"));
    type.add_int64(ValueTypeField::unit, strings_.number("nanoseconds"));
  }

  void add_sample(const Sample& sample) {
    std::vector<uint64_t> locations;  // innermost first
    for (auto place = sample.places.rbegin(); place != sample.places.rend(); ++place) {
      locations.push_back(*place + 1);
    }
    const auto value = static_cast<int64_t>(sample.ns);
    Message<SampleField> message(message_, ProfileField::sample);
    message.add_packed_uint64(SampleField::location_id, locations.begin(), locations.end());
    message.add_packed_int64(SampleField::value, &value, &value + 1);
    add_label(message, "cause", stalls::cause_name(sample.cause));
    add_label(message, "process", name_of(profile_.services[sample.service].labels));
    add_label(message, "function", profile_.places[sample.blamed].function);
  }

  void add_label(Message<SampleField>& sample, std::string_view key, std::string_view value) {
    Message<LabelField> label(sample, SampleField::label);
    label.add_int64(LabelField::key, strings_.number(key));
    label.add_int64(LabelField::str, strings_.number(value));
  }

  void add_location(std::size_t index) {
    const Place& place = profile_.places[index];
    const Function function{place.function, place.file};
    const uint64_t number = functions_.emplace(function, functions_.size() + 1).first->second;
    Message<LocationField> location(message_, ProfileField::location);
    location.add_uint64(LocationField::id, index + 1);
    Message<LineField> line(location, LocationField::line);
    line.add_uint64(LineField::function_id, number);
    line.add_int64(LineField::line, place.line);
  }

  void add_function(const Function& function, uint64_t number) {
    Message<FunctionField> message(message_, ProfileField::function);
    message.add_uint64(FunctionField::id, number);
    message.add_int64(FunctionField::name, strings_.number(function.first));
    message.add_int64(FunctionField::system_name, strings_.number(function.first));
    message.add_int64(FunctionField::filename, strings_.number(function.second));
  }

  const Profile& profile_;
  std::string text_;
  Message<ProfileField> message_;
  Strings strings_;
  std::map<Function, uint64_t> functions_;
};

}  // namespace

std::string to_pprof(const Profile& profile) {
  return base::gzip(Writer(profile).text()).value_or(std::string());
}

}  // namespace loopstall::profile
