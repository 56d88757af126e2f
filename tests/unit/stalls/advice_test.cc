// SPDX-License-Identifier: Apache-2.0
#include "stalls/advice.h"

#include <gtest/gtest.h>

#include <vector>

namespace loopstall::stalls {
namespace {

using stacks::Frame;
using stacks::Origin;
using stacks::Stack;

Frame user(std::string function) {
  return {std::move(function), "app/main.py", "/srv/app/main.py", 1, Origin::application};
}
Frame installed(std::string file, std::string function = "call") {
  return {std::move(function), file, "/v/site-packages/" + file, 1, Origin::well_known};
}
Frame stdlib(std::string file, std::string function = "call") {
  return {std::move(function), file, "/usr/lib/python3.11/" + file, 1, Origin::stdlib};
}

std::string advice(std::vector<Frame> innermost_first, Cause cause, std::string_view syscall) {
  const Stack stack{std::move(innermost_first)};
  return advice_for(stack, stacks::attribute(stack), cause, syscall);
}

struct Case {
  std::vector<Frame> called;  // by the user's function, innermost first
  Cause cause;
  std::string_view syscall;
  std::string_view remedy;
};

TEST(Advice, NamesTheRemedyOfEachLibrary) {
  const std::vector<Case> cases = {
      {{stdlib("socket.py"), installed("urllib3/connectionpool.py"), installed("requests/api.py")},
       Cause::network,
       "recvfrom",
       "requests, which"},
      {{stdlib("http/client.py"), installed("urllib3/connectionpool.py")},
       Cause::network,
       "poll",
       "httpx.AsyncClient or aiohttp"},
      {{stdlib("threading.py", "Condition.wait"),
        stdlib("concurrent/futures/_base.py", "Future.result")},
       Cause::lock,
       "futex",
       "asyncio.wrap_future"},
      {{stdlib("threading.py", "Thread.start"),
        stdlib("concurrent/futures/thread.py", "ThreadPoolExecutor.submit"),
        stdlib("asyncio/base_events.py", "BaseEventLoop.run_in_executor")},
       Cause::lock,
       "futex",
       "starts a thread"},
      {{stdlib("threading.py", "start"), stdlib("concurrent/futures/thread.py", "submit")},
       Cause::lock,
       "futex",
       "starts a thread"},
      {{stdlib("threading.py", "Thread.join"),
        stdlib("concurrent/futures/thread.py", "ThreadPoolExecutor.shutdown")},
       Cause::lock,
       "futex",
       "asyncio.wrap_future"},
      {{stdlib("socket.py"), stdlib("http/client.py"), stdlib("urllib/request.py")},
       Cause::network,
       "recvfrom",
       "urllib.request"},
      {{installed("urllib3/connectionpool.py"), installed("botocore/client.py"),
        installed("boto3/resources/action.py")},
       Cause::network,
       "poll",
       "aioboto3"},
      {{installed("urllib3/connectionpool.py"), installed("elastic_transport/_node.py"),
        installed("elasticsearch/_sync/client/__init__.py")},
       Cause::network,
       "poll",
       "AsyncElasticsearch"},
      {{installed("psycopg2/extras.py")}, Cause::network, "poll", "asyncpg or psycopg 3"},
      {{installed("psycopg2/extras.py")}, Cause::network, "poll", "aiopg"},
      {{installed("psycopg/connection.py")}, Cause::network, "epoll_wait", "AsyncConnection"},
      {{installed("redis/client.py"), installed("rq/queue.py")}, Cause::network, "recvfrom", "arq"},
      {{installed("redis/client.py"), installed("celery/app/task.py")},
       Cause::network,
       "recvfrom",
       "arq"},
      {{installed("pymongo/topology.py")}, Cause::lock, "futex", "motor"},
      {{installed("redis/client.py")}, Cause::network, "recvfrom", "redis.asyncio"},
      {{installed("pymysql/connections.py")}, Cause::network, "recvfrom", "aiomysql"},
      {{installed("kafka/client_async.py")}, Cause::network, "epoll_wait", "aiokafka"},
      {{installed("psycopg2/extras.py"), installed("sqlalchemy/engine/base.py")},
       Cause::network,
       "poll",
       "create_async_engine"},
      {{stdlib("subprocess.py", "Popen.wait"), stdlib("subprocess.py", "run")},
       Cause::process,
       "wait4",
       "asyncio.create_subprocess_exec"},
      {{stdlib("selectors.py"), stdlib("subprocess.py", "run")},
       Cause::pipe,
       "poll",
       "asyncio.create_subprocess_exec"},
      {{stdlib("socket.py", "getaddrinfo")}, Cause::network, "poll", "loop.getaddrinfo"},
      {{stdlib("threading.py", "Event.wait")}, Cause::lock, "futex", "asyncio's Lock"},
      {{stdlib("threading.py", "Condition.wait"), stdlib("queue.py", "Queue.get")},
       Cause::lock,
       "futex",
       "asyncio.Queue"},
      {{installed("PIL/Image.py", "Image.resize")}, Cause::cpu, "", "process pool"},
      {{installed("bcrypt/__init__.py")}, Cause::cpu, "", "bcrypt"},
      {{stdlib("gzip.py")}, Cause::cpu, "", "gzip"},
      {{stdlib("hashlib.py")}, Cause::cpu, "", "hashlib"},
      {{stdlib("json/decoder.py"), stdlib("json/__init__.py", "loads")}, Cause::cpu, "", "orjson"},
      {{stdlib("pathlib.py")}, Cause::file, "read", "aiofiles"},
      // A library that computes is not a library that waits.
      {{stdlib("json/__init__.py", "loads"), installed("requests/models.py", "Response.json")},
       Cause::cpu,
       "",
       "orjson"},
      // The machine is at fault, whatever was called.
      {{installed("PIL/Image.py")}, Cause::runqueue, "", "no CPU was free"},
      {{installed("PIL/Image.py")}, Cause::gil, "futex", "ProcessPoolExecutor"},
      {{stdlib("ssl.py", "SSLSocket.read")}, Cause::network, "recvfrom", "async client"},
  };
  for (const Case& c : cases) {
    std::vector<Frame> frames = c.called;
    frames.push_back(user("save_log"));
    const std::string text = advice(frames, c.cause, c.syscall);
    EXPECT_NE(text.find(c.remedy), std::string::npos) << c.remedy << " is not in: " << text;
    const bool names = text.find("save_log") != std::string::npos;
    EXPECT_EQ(names, !cause_is_machines(c.cause)) << text;
  }
}

TEST(Advice, JudgesByCauseWhereTheFunctionCalledNoPython) {
  struct {
    Cause cause;
    std::string_view syscall;
    std::string_view remedy;
  } cases[] = {
      {Cause::sleep, "clock_nanosleep", "await asyncio.sleep"},
      {Cause::network, "poll", "psycopg2"},
      {Cause::network, "epoll_wait", "AsyncConnection"},
      {Cause::network, "recvfrom", "async client"},
      {Cause::file, "fsync", "fsync"},
      {Cause::file, "read", "aiofiles"},
      {Cause::pipe, "read", "asyncio.create_subprocess_exec"},
      {Cause::lock, "futex", "asyncio's Lock"},
      {Cause::gil, "futex", "process pool"},
      {Cause::process, "wait4", "asyncio.create_subprocess_exec"},
      {Cause::pagefault, "", "mmap"},
      {Cause::runqueue, "", "CPU request"},
      {Cause::throttled, "", "CPU limit"},
      {Cause::cpu, "", "process pool"},
      {Cause::cpu, "read", "in memory already"},
      {Cause::other, "io_getevents", "asyncio.to_thread"},
  };
  for (const auto& c : cases) {
    const std::string text = advice({user("save_log")}, c.cause, c.syscall);
    EXPECT_NE(text.find(c.remedy), std::string::npos) << c.remedy << " is not in: " << text;
    const bool names = text.find("save_log") != std::string::npos;
    EXPECT_EQ(names, !cause_is_machines(c.cause)) << text;
  }
}

TEST(Advice, TheTeamsOwnComesFirst) {
  const OwnAdvice own = {{"soap/", "Client.call", on(Cause::network), "{function} calls SOAP."},
                         {"", "Report.render", 0, "Ask the reports team."},
                         {"requests/", "", 0, "Use our own client."}};
  const auto text = [&](std::vector<Frame> frames, Cause cause) {
    const Stack stack{std::move(frames)};
    return advice_for(stack, stacks::attribute(stack), cause, "recvfrom", own);
  };
  EXPECT_EQ(text({installed("soap/client.py", "Client.call"), user("order")}, Cause::network),
            "order calls SOAP.");
  EXPECT_NE(text({installed("soap/client.py", "Client.call"), user("order")}, Cause::lock),
            "order calls SOAP.")
      << "for another cause";
  EXPECT_NE(text({installed("soap/client.py", "Client.close"), user("order")}, Cause::network),
            "order calls SOAP.")
      << "another function";
  EXPECT_EQ(text({user("Report.render")}, Cause::cpu), "Ask the reports team.")
      << "the blamed function itself";
  EXPECT_EQ(text({installed("urllib3/poolmanager.py"), installed("requests/api.py"), user("f")},
                 Cause::network),
            "Use our own client.")
      << "before what loopstall knows of requests";
  EXPECT_EQ(text({user("f"), user("Report.render")}, Cause::sleep).find("reports"),
            std::string::npos)
      << "a caller is not what it called";
}

TEST(Advice, HasAWordForEveryCause) {
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    EXPECT_FALSE(advice({user("f")}, static_cast<Cause>(i), "").empty()) << i;
    EXPECT_FALSE(advice({}, static_cast<Cause>(i), "").empty()) << i;
  }
}

TEST(Advice, LooksOnlyAtWhatTheFunctionCalled) {
  // The user's function runs below a library that has advice of its own.
  const std::string text = advice({user("save_log"), installed("redis/client.py"), user("outer")},
                                  Cause::network, "recvfrom");
  EXPECT_EQ(text.find("redis-py"), std::string::npos) << text;
}

TEST(Advice, IgnoresTheUsersOwnFilesOfSuchNames) {
  Frame own = user("helper");
  own.file = "requests/api.py";
  own.transparent = true;
  const std::string text = advice({own, user("save_log")}, Cause::sleep, "clock_nanosleep");
  EXPECT_NE(text.find("asyncio.sleep"), std::string::npos) << text;
}

TEST(Advice, SpeaksOfReservedNamesInWords) {
  const std::string text =
      advice({installed("fastapi/encoders.py", "jsonable_encoder")}, Cause::cpu, "");
  EXPECT_TRUE(text.starts_with("The framework ")) << text;
  EXPECT_NE(text.find("jsonable_encoder"), std::string::npos) << text;
  EXPECT_TRUE(advice({}, Cause::sleep, "").starts_with("Some code "));
}

TEST(Advice, TakesABlamedLibraryFunctionAtItsWord) {
  Frame blamed = installed("MySQLdb/cursors.py", "Cursor.execute");
  blamed.origin = Origin::third_party;
  const std::string text = advice({blamed}, Cause::network, "poll");
  EXPECT_NE(text.find("mysqlclient"), std::string::npos) << text;
}

TEST(Advice, InsertsTheNameOnce) {
  const std::string text = advice({user("{function}")}, Cause::sleep, "");
  EXPECT_TRUE(text.starts_with("{function} calls")) << text;
}

}  // namespace
}  // namespace loopstall::stalls
