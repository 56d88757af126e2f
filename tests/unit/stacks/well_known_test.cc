// SPDX-License-Identifier: Apache-2.0
#include "stacks/well_known.h"

#include <gtest/gtest.h>

namespace loopstall::stacks {
namespace {

TEST(WellKnown, FindsEveryNameThatTheDesignLists) {
  // A binary search over a list that is out of order would lose some of them.
  for (const char* name : {"uvicorn",
                           "starlette",
                           "fastapi",
                           "anyio",
                           "sniffio",
                           "h11",
                           "httptools",
                           "websockets",
                           "aiohttp",
                           "requests",
                           "urllib3",
                           "httpx",
                           "httpcore",
                           "psycopg2",
                           "psycopg",
                           "asyncpg",
                           "pymongo",
                           "motor",
                           "redis",
                           "pymysql",
                           "aiomysql",
                           "kafka",
                           "aiokafka",
                           "elasticsearch",
                           "elastic_transport",
                           "boto3",
                           "botocore",
                           "s3transfer",
                           "grpc",
                           "PIL",
                           "numpy",
                           "pydantic",
                           "sqlalchemy",
                           "tornado",
                           "trio",
                           "uvloop",
                           "gunicorn",
                           "hypercorn",
                           "multipart",
                           "jinja2",
                           "click",
                           "django",
                           "flask",
                           "werkzeug",
                           "celery",
                           "kombu",
                           "ddtrace",
                           "opentelemetry",
                           "sentry_sdk",
                           "newrelic",
                           "aiofiles",
                           "bcrypt",
                           "orjson",
                           "certifi",
                           "idna",
                           "charset_normalizer",
                           "yaml",
                           "zstandard",
                           "Crypto",
                           "_yaml",
                           "zope.interface"}) {
    EXPECT_TRUE(is_well_known_package(name)) << name;
    EXPECT_TRUE(is_well_known_package(std::string(name) + ".inner.module")) << name;
  }
}

TEST(WellKnown, TakesWholeNamesOnly) {
  for (const char* name : {"", "fast", "fastapi2", "fastapi_acme", "acme", "acme.fastapi", "google",
                           "google.acme", "app", "pil", "."}) {
    EXPECT_FALSE(is_well_known_package(name)) << name;
  }
}

TEST(WellKnown, TellsDispatchFrames) {
  Frame frame{"Handle._run", "asyncio/events.py", "/usr/lib/python3.11/asyncio/events.py", 80,
              Origin::stdlib};
  EXPECT_EQ(dispatch_of(frame), Dispatch::loop);
  frame.function = "_run";
  EXPECT_EQ(dispatch_of(frame), Dispatch::loop);
  frame.function = "Other._run";
  EXPECT_EQ(dispatch_of(frame), Dispatch::none);
  frame.function = "Handle._run";
  frame.path = "/srv/myasyncio/events.py";
  EXPECT_EQ(dispatch_of(frame), Dispatch::none);
  frame.path = "asyncio/events.py";
  EXPECT_EQ(dispatch_of(frame), Dispatch::loop);
  frame.origin = Origin::application;
  EXPECT_EQ(dispatch_of(frame), Dispatch::none);
}

}  // namespace
}  // namespace loopstall::stacks
