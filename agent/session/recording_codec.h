// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "session/recording_fields.h"

/// JSON of what recording_fields.h describes. Reading throws std::exception at whatever does not
/// fit: a recording may come from a stranger.
namespace loopstall::session::recording {

using Json = nlohmann::json;

/// How many values an enumeration has.
template <typename Enum>
inline constexpr std::size_t kValues = 0;
template <>
inline constexpr std::size_t kValues<stalls::Cause> = stalls::kCauseCount;
template <>
inline constexpr std::size_t kValues<stalls::LoopActivity> =
    static_cast<std::size_t>(stalls::LoopActivity::ended) + 1;
template <>
inline constexpr std::size_t kValues<stacks::Origin> =
    static_cast<std::size_t>(stacks::Origin::synthetic) + 1;
template <>
inline constexpr std::size_t kValues<stacks::FrameKind> =
    static_cast<std::size_t>(stacks::FrameKind::async_generator) + 1;
template <>
inline constexpr std::size_t kValues<stacks::Ownership> =
    static_cast<std::size_t>(stacks::Ownership::template_text) + 1;
template <>
inline constexpr std::size_t kValues<stacks::PythonRefusal> =
    static_cast<std::size_t>(stacks::PythonRefusal::self_check_failed) + 1;
template <>
inline constexpr std::size_t kValues<loops::RuntimeKind> =
    static_cast<std::size_t>(loops::RuntimeKind::trio) + 1;

/// One of the few static names that structures refer to.
std::string_view interned(const std::string& name);

template <typename T>
struct Codec;

template <typename T>
Json encode(const T& value) {
  return Codec<T>::encode(value);
}

template <typename T>
T decode(const Json& json) {
  return Codec<T>::decode(json);
}

class Writer {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    json_[name] = encode(value);
  }
  Json take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}
  template <typename T>
  void operator()(const char* name, T& value) {
    value = decode<T>(json_.at(name));
  }

 private:
  const Json& json_;
};

/// A structure, by its description.
template <typename T>
struct Codec {
  static Json encode(const T& value) {
    Writer writer;
    describe(writer, const_cast<T&>(value));  // the writer only reads
    return writer.take();
  }
  static T decode(const Json& json) {
    if (!json.is_object()) throw std::runtime_error("not an object");
    T value{};
    Reader reader(json);
    describe(reader, value);
    return value;
  }
};

template <>
struct Codec<bool> {
  static Json encode(bool value) { return value; }
  static bool decode(const Json& json) { return json.get_ref<const bool&>(); }
};

template <>
struct Codec<double> {
  static Json encode(double value) { return value; }
  static double decode(const Json& json) {
    if (!json.is_number()) throw std::runtime_error("not a number");
    return json.get<double>();
  }
};

template <std::integral T>
struct Codec<T> {
  static Json encode(T value) { return value; }
  static T decode(const Json& json) {
    if (json.is_number_unsigned() && std::in_range<T>(json.get<uint64_t>())) {
      return static_cast<T>(json.get<uint64_t>());
    }
    if (json.is_number_integer() && !json.is_number_unsigned() &&
        std::in_range<T>(json.get<int64_t>())) {
      return static_cast<T>(json.get<int64_t>());
    }
    throw std::runtime_error("a number is out of its range");
  }
};

template <typename T>
requires std::is_enum_v<T>
struct Codec<T> {
  static Json encode(T value) { return static_cast<uint64_t>(value); }
  static T decode(const Json& json) {
    static_assert(kValues<T> != 0);
    const auto number = Codec<uint64_t>::decode(json);
    if (number >= kValues<T>) throw std::runtime_error("a choice is out of its range");
    return static_cast<T>(number);
  }
};

template <>
struct Codec<std::string> {
  static Json encode(const std::string& value) { return value; }
  static std::string decode(const Json& json) { return json.get_ref<const std::string&>(); }
};

template <>
struct Codec<std::string_view> {
  static Json encode(std::string_view value) { return std::string(value); }
  static std::string_view decode(const Json& json) {
    return interned(json.get_ref<const std::string&>());
  }
};

template <typename T>
struct Codec<std::optional<T>> {
  static Json encode(const std::optional<T>& value) {
    return value ? Codec<T>::encode(*value) : Json();
  }
  static std::optional<T> decode(const Json& json) {
    if (json.is_null()) return std::nullopt;
    return Codec<T>::decode(json);
  }
};

template <typename T>
struct Codec<std::shared_ptr<const T>> {
  static Json encode(const std::shared_ptr<const T>& value) {
    return value ? Codec<T>::encode(*value) : Json();
  }
  static std::shared_ptr<const T> decode(const Json& json) {
    if (json.is_null()) return nullptr;
    return std::make_shared<const T>(Codec<T>::decode(json));
  }
};

template <typename T>
struct Codec<std::vector<T>> {
  static Json encode(const std::vector<T>& values) {
    Json json = Json::array();
    for (const T& value : values) json.push_back(Codec<T>::encode(value));
    return json;
  }
  static std::vector<T> decode(const Json& json) {
    if (!json.is_array()) throw std::runtime_error("not a list");
    std::vector<T> values;
    for (const Json& value : json) values.push_back(Codec<T>::decode(value));
    return values;
  }
};

template <typename T, std::size_t N>
struct Codec<std::array<T, N>> {
  static Json encode(const std::array<T, N>& values) {
    Json json = Json::array();
    for (const T& value : values) json.push_back(Codec<T>::encode(value));
    return json;
  }
  static std::array<T, N> decode(const Json& json) {
    if (!json.is_array() || json.size() != N) throw std::runtime_error("a list of another length");
    std::array<T, N> values{};
    for (std::size_t i = 0; i < N; ++i) values[i] = Codec<T>::decode(json[i]);
    return values;
  }
};

template <typename... T>
struct Codec<std::variant<T...>> {
  static Json encode(const std::variant<T...>& value) {
    return Json::array(
        {value.index(),
         std::visit([](const auto& one) { return Codec<std::decay_t<decltype(one)>>::encode(one); },
                    value)});
  }
  static std::variant<T...> decode(const Json& json) {
    if (!json.is_array() || json.size() != 2) throw std::runtime_error("not a choice");
    return decode_as<0>(Codec<std::size_t>::decode(json[0]), json[1]);
  }

 private:
  template <std::size_t I>
  static std::variant<T...> decode_as(std::size_t index, const Json& json) {
    if constexpr (I == sizeof...(T)) {
      throw std::runtime_error("a choice is out of its range");
    } else {
      if (index != I) return decode_as<I + 1>(index, json);
      using One = std::variant_alternative_t<I, std::variant<T...>>;
      return std::variant<T...>(std::in_place_index<I>, Codec<One>::decode(json));
    }
  }
};

template <typename T, typename E>
struct Codec<tl::expected<T, E>> {
  static Json encode(const tl::expected<T, E>& value) {
    return value ? Json{{"value", Codec<T>::encode(*value)}}
                 : Json{{"error", Codec<E>::encode(value.error())}};
  }
  static tl::expected<T, E> decode(const Json& json) {
    if (json.contains("value")) {
      if (json.at("value").is_null()) throw std::runtime_error("a value is missing");
      return Codec<T>::decode(json.at("value"));
    }
    return tl::unexpected(Codec<E>::decode(json.at("error")));
  }
};

/// What nothing is known of is one and the same.
template <>
struct Codec<stalls::KnownStackPtr> {
  static Json encode(const stalls::KnownStackPtr& known) {
    return known ? Codec<stalls::KnownStack>::encode(*known) : Json();
  }
  static stalls::KnownStackPtr decode(const Json& json) {
    if (json.is_null()) return nullptr;
    auto known = Codec<stalls::KnownStack>::decode(json);
    for (const auto& frame : {known.attribution.culprit, known.attribution.entry_frame}) {
      if (frame && *frame >= known.stack.frames.size()) {
        throw std::runtime_error("a stack has no such frame");
      }
    }
    if (known.stack.frames.empty() && known.attribution.function == stacks::kUnknown) {
      return stalls::reserved_stack(stacks::kUnknown);
    }
    return std::make_shared<const stalls::KnownStack>(std::move(known));
  }
};

}  // namespace loopstall::session::recording
