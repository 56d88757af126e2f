// SPDX-License-Identifier: Apache-2.0
#include "exposition/http_message.h"

#include <strings.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/gzip.h"

namespace loopstall::exposition {
namespace {

constexpr std::size_t kCompressFromBytes = 1024;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes what stands before the separator off the front of `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

/// The value of a parameter in `a=b;c="d"`; empty where it is not there.
std::string parameter(std::string_view name, std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = next_part(parameters, ';');
    const std::string key(trim(next_part(value, '=')));
    if (::strcasecmp(key.c_str(), std::string(name).c_str()) != 0) continue;
    value = trim(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return {};
}

/// The weight of a coding's or a media type's parameters: "q=0.5" is 0.5, none is 1.
double weight(std::string_view parameters) {
  const std::string q = parameter("q", parameters);
  return q.empty() ? 1 : std::strtod(q.c_str(), nullptr);
}

std::optional<unsigned char> hex_byte(std::string_view digits) {
  if (digits.size() < 2 || !std::isxdigit(static_cast<unsigned char>(digits[0])) ||
      !std::isxdigit(static_cast<unsigned char>(digits[1]))) {
    return std::nullopt;
  }
  return static_cast<unsigned char>(std::stoi(std::string(digits.substr(0, 2)), nullptr, 16));
}

/// `plus`: what a + stands for.
std::string percent_decode(std::string_view text, char plus) {
  std::string decoded;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '%') {
      if (const auto byte = hex_byte(text)) {
        decoded += static_cast<char>(*byte);
        text.remove_prefix(2);
        continue;
      }
    }
    decoded += c == '+' ? plus : c;
  }
  return decoded;
}

}  // namespace

bool prefers_open_metrics(const std::string& accept) {
  std::string_view rest = accept;
  double open_metrics = 0, plain = 0;
  while (!rest.empty()) {
    std::string_view parameters = next_part(rest, ',');
    const std::string type(trim(next_part(parameters, ';')));
    if (::strcasecmp(type.c_str(), "text/plain") == 0) plain = std::max(plain, weight(parameters));
    if (::strcasecmp(type.c_str(), "application/openmetrics-text") != 0) continue;
    const std::string version = parameter("version", parameters);
    if (version.empty() || version == "1.0.0") {
      open_metrics = std::max(open_metrics, weight(parameters));
    }
  }
  return open_metrics > 0 && open_metrics >= plain;
}

bool accepts_gzip(const std::string& accept_encoding) {
  std::string_view rest = accept_encoding;
  bool any = false;
  while (!rest.empty()) {
    std::string_view parameters = next_part(rest, ',');
    const std::string coding(trim(next_part(parameters, ';')));
    if (::strcasecmp(coding.c_str(), "gzip") == 0) return weight(parameters) > 0;
    if (coding == "*") any = weight(parameters) > 0;
  }
  return any;
}

void compress(const Request& request, Response& response) {
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (response.body.size() < kCompressFromBytes || !accepts_gzip(request.accept_encoding)) return;
  if (auto packed = base::gzip(response.body)) {
    response.body = std::move(*packed);
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
}

std::string decoded_path(std::string_view path) { return percent_decode(path, '+'); }

bool query_value(const std::string& query, const std::string& name, std::string& value) {
  std::string_view rest = query;
  while (!rest.empty()) {
    std::string_view pair = next_part(rest, '&');
    if (percent_decode(next_part(pair, '='), ' ') != name) continue;
    value = percent_decode(pair, ' ');
    return true;
  }
  return false;
}

}  // namespace loopstall::exposition
