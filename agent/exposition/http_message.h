// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loopstall::exposition {

/// What the routes need of an HTTP request; bodies are never read.
struct Request {
  std::string method;
  std::string path;             ///< percent-decoded, without the query
  std::string query;            ///< as sent, without the question mark
  std::string host;             ///< Host header; empty when absent
  std::string accept_encoding;  ///< Accept-Encoding header; empty when absent
  std::string accept;           ///< Accept header; empty when absent
};

struct Response {
  int status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< without those of length and type
};

/// Whether an Accept header prefers OpenMetrics 1.0.0 to plain text: it names it, and no plain text
/// with more weight (RFC 9110, 12.5.1).
bool prefers_open_metrics(const std::string& accept);

/// Whether Accept-Encoding permits gzip (RFC 9110, 12.5.3: "gzip;q=0" forbids it).
bool accepts_gzip(const std::string& accept_encoding);

/// Compresses the body where the client permits it and it pays.
void compress(const Request& request, Response& response);

/// A request's path, percent-decoded; what is no escape stays as it is.
std::string decoded_path(std::string_view path);

/// The value of `name` in a query string, percent-decoded; the first one wins. False when absent.
bool query_value(const std::string& query, const std::string& name, std::string& value);

}  // namespace loopstall::exposition
