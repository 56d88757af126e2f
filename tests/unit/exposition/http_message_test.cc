// SPDX-License-Identifier: Apache-2.0
#include "exposition/http_message.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace loopstall::exposition {
namespace {

std::string gunzip(const std::string& packed) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string plain(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  const int result = inflate(&stream, Z_FINISH);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return result == Z_STREAM_END ? plain : "broken gzip";
}

TEST(Accept, PrefersOpenMetricsWhereItIsNamedFirst) {
  for (const char* yes :
       {"application/openmetrics-text", "application/openmetrics-text; version=1.0.0",
        "Application/OpenMetrics-Text;version=\"1.0.0\";q=0.5",
        // Prometheus 2.42 and 3.5.
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"}) {
    EXPECT_TRUE(prefers_open_metrics(yes)) << yes;
  }
  for (const char* no :
       {"", "*/*", "text/plain", "text/html", "application/openmetrics-text;q=0",
        "application/openmetrics-text;version=0.0.1", "application/openmetrics-text-x",
        "application/openmetrics-text;q=0.3, text/plain;q=0.5", ";;;,,=", "q=1"}) {
    EXPECT_FALSE(prefers_open_metrics(no)) << no;
  }
}

TEST(AcceptEncoding, IsReadAsRfc9110Says) {
  for (const char* yes : {"gzip", "GZIP", "deflate, gzip", "gzip;q=0.5", "br , gzip ; q=1.0", "*",
                          "identity;q=0, *;q=0.3"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no :
       {"", "identity", "deflate", "gzip;q=0", "gzip; q=0.000", "*, gzip;q=0", "xgzip", "*;q=0"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(Compress, PacksLargeBodiesOnly) {
  const std::string large(5000, 'x');
  const Request gzip{.accept_encoding = "gzip"};
  Response response{.body = large};
  compress(gzip, response);
  EXPECT_LT(response.body.size(), 200u);
  EXPECT_EQ(gunzip(response.body), large);
  EXPECT_EQ(response.headers.back(),
            (std::pair<std::string, std::string>("Content-Encoding", "gzip")));

  Response small{.body = "short"};
  compress(gzip, small);
  EXPECT_EQ(small.body, "short");
  Response plain{.body = large};
  compress(Request{}, plain);
  EXPECT_EQ(plain.body, large);
}

TEST(Query, IsDecodedAndBounded) {
  std::string value;
  EXPECT_TRUE(query_value("limit=5&process=app.main%3Aapp+x", "process", value));
  EXPECT_EQ(value, "app.main:app x");
  EXPECT_TRUE(query_value("a=1&a=2", "a", value));
  EXPECT_EQ(value, "1");
  EXPECT_TRUE(query_value("a", "a", value));
  EXPECT_EQ(value, "");
  EXPECT_TRUE(query_value("a=%zz%4", "a", value));
  EXPECT_EQ(value, "%zz%4");
  EXPECT_FALSE(query_value("", "a", value));
  EXPECT_FALSE(query_value("ab=1", "a", value));
}

}  // namespace
}  // namespace loopstall::exposition
