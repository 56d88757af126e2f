// SPDX-License-Identifier: Apache-2.0
#include "config/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "config/duration.h"

namespace loopstall::config {
namespace {

using base::ErrorKind;
using base::fail;

constexpr std::size_t kMaxNameBytes = 256;

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

template <typename T, std::size_t N>
base::Result<T> choice_value(std::string_view name, std::string_view text,
                             const std::array<Choice<T>, N>& choices) {
  std::vector<std::string> names;
  for (const Choice<T>& choice : choices) {
    if (choice.name == text) return choice.value;
    names.emplace_back(choice.name);
  }
  return fail(ErrorKind::usage, "{} must be one of {}, not '{}'", name, fmt::join(names, ", "),
              text);
}

constexpr std::array<Choice<HookMode>, 5> kHookModes = {{{"auto", HookMode::automatic},
                                                         {"fentry", HookMode::fentry},
                                                         {"kprobe", HookMode::kprobe},
                                                         {"tracepoint", HookMode::tracepoint},
                                                         {"tp_btf", HookMode::tp_btf}}};

constexpr std::array<Choice<base::LogLevel>, 4> kLogLevels = {{{"debug", base::LogLevel::debug},
                                                               {"info", base::LogLevel::info},
                                                               {"warning", base::LogLevel::warning},
                                                               {"error", base::LogLevel::error}}};

constexpr std::array<Choice<base::LogFormat>, 2> kLogFormats = {
    {{"logfmt", base::LogFormat::logfmt}, {"json", base::LogFormat::json}}};

bool is_ip_address(const std::string& address) {
  const bool bracketed = address.starts_with('[') && address.ends_with(']');
  const std::string bare = bracketed ? address.substr(1, address.size() - 2) : address;
  in6_addr parsed{};
  return inet_pton(bracketed ? AF_INET6 : AF_INET, bare.c_str(), &parsed) == 1;
}

}  // namespace

base::Result<uint64_t> duration_value(std::string_view name, std::string_view text,
                                      const DurationBounds& bounds) {
  const std::optional<uint64_t> ns = parse_duration_ns(text);
  if (!ns) {
    return fail(ErrorKind::usage, "{} needs a duration with a unit, such as {}, not '{}'", name,
                bounds.example, text);
  }
  if (*ns < bounds.min_ns || *ns > bounds.max_ns) {
    return fail(ErrorKind::usage, "{} must be from {} to {}, not '{}'", name,
                format_duration_ns(bounds.min_ns), format_duration_ns(bounds.max_ns), text);
  }
  return *ns;
}

base::Result<uint32_t> count_value(std::string_view name, std::string_view text,
                                   const CountBounds& bounds) {
  const std::optional<uint32_t> value = parse_number<uint32_t>(text);
  if (!value || *value < bounds.min || *value > bounds.max) {
    return fail(ErrorKind::usage, "{} must be a whole number from {} to {}, not '{}'", name,
                bounds.min, bounds.max, text);
  }
  return *value;
}

base::Result<uint32_t> rate_value(std::string_view name, std::string_view text,
                                  const CountBounds& bounds) {
  if (text == "auto") return kAutomaticRate;
  const auto rate = count_value(name, text, bounds);
  if (!rate) {
    return fail(ErrorKind::usage, "{} must be auto or a whole number from {} to {}, not '{}'", name,
                bounds.min, bounds.max, text);
  }
  return rate;
}

base::Result<double> percent_value(std::string_view name, std::string_view text) {
  const bool has_unit = text.ends_with('%');
  const std::optional<double> percent =
      has_unit ? parse_number<double>(text.substr(0, text.size() - 1)) : std::nullopt;
  if (!percent || !(*percent >= 0.001 && *percent <= 100)) {
    return fail(ErrorKind::usage,
                "{} must be a percentage from 0.001% to 100%, such as 1%, not '{}'", name, text);
  }
  return *percent / 100;
}

base::Result<bool> yes_no_value(std::string_view name, std::string_view text) {
  // YAML's reader hands on what is written; both of its spellings are meant.
  if (text == "yes" || text == "true") return true;
  if (text == "no" || text == "false") return false;
  return fail(ErrorKind::usage, "{} must be yes or no, not '{}'", name, text);
}

base::Result<std::string> listen_value(std::string_view name, std::string_view text) {
  if (text.starts_with("https:")) {
    return fail(ErrorKind::usage,
                "{} serves plain HTTP: put a proxy that speaks TLS before it, and give it an "
                "address and a port, such as 127.0.0.1:9877",
                name);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !parse_number<uint16_t>(text.substr(colon + 1))) {
    return fail(ErrorKind::usage, "{} needs an address and a port, such as 0.0.0.0:9877, not '{}'",
                name, text);
  }
  std::string address(text.substr(0, colon));
  if (address.empty()) address = "0.0.0.0";
  if (address == "localhost") address = "127.0.0.1";
  if (!is_ip_address(address)) {
    return fail(ErrorKind::usage, "{} needs an IP address before the port ([…] for IPv6), not '{}'",
                name, address);
  }
  return fmt::format("{}:{}", address, *parse_number<uint16_t>(text.substr(colon + 1)));
}

base::Result<HookMode> hook_value(std::string_view name, std::string_view text) {
  return choice_value(name, text, kHookModes);
}

base::Result<base::LogLevel> log_level_value(std::string_view name, std::string_view text) {
  return choice_value(name, text, kLogLevels);
}

base::Result<base::LogFormat> log_format_value(std::string_view name, std::string_view text) {
  return choice_value(name, text, kLogFormats);
}

base::Result<std::string> name_value(std::string_view name, std::string_view text) {
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (text.empty() || text.size() > kMaxNameBytes || !printable) {
    return fail(ErrorKind::usage, "{} needs a name of 1 to {} printable bytes", name,
                kMaxNameBytes);
  }
  return std::string(text);
}

}  // namespace loopstall::config
