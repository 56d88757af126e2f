// SPDX-License-Identifier: Apache-2.0
#include "stacks/attribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

namespace loopstall::stacks {
namespace {

Frame app(std::string function, std::string file = "app/main.py", int line = 7) {
  return {std::move(function), file, "/srv/" + file, line, Origin::application};
}

Frame library(std::string function, std::string file) {
  return {std::move(function), file, "/usr/lib/python3/dist-packages/" + file, 1,
          Origin::well_known};
}

Frame stdlib(std::string function, std::string file) {
  return {std::move(function), file, "/usr/lib/python3.11/" + file, 1, Origin::stdlib};
}

Frame third_party(std::string function) {
  return {std::move(function), "acme/api.py", "/v/site-packages/acme/api.py", 3,
          Origin::third_party};
}

Frame synthetic(std::string function = "__init__") {
  return {std::move(function), "<string>", "<string>", 2, Origin::synthetic};
}

Frame frozen(std::string function) {
  Frame frame{std::move(function), "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>",
              1, Origin::stdlib};
  frame.ownership = Ownership::frozen;
  return frame;
}

Frame unread() {
  Frame frame{std::string(kUnknown), "", "", 0, Origin::application};
  frame.ownership = Ownership::unread;
  return frame;
}

Frame wrapper(Frame frame) {
  frame.wraps = true;
  return frame;
}

Frame transparent(Frame frame) {
  frame.transparent = true;
  return frame;
}

// Written as it is called: outermost first.
Stack calls(std::initializer_list<std::vector<Frame>> parts) {
  Stack stack;
  for (const auto& part : parts) {
    stack.frames.insert(stack.frames.end(), part.begin(), part.end());
  }
  std::reverse(stack.frames.begin(), stack.frames.end());
  return stack;
}

Stack truncated(Stack stack) {
  stack.truncated = true;
  return stack;
}

// What runs under `python -m uvicorn` with uvicorn 0.17, fastapi 0.92, starlette 0.26,
// CPython 3.11; seen in a running service.
std::vector<Frame> runner() {
  return {stdlib("_run_module_as_main", "runpy.py"), library("run", "uvicorn/main.py"),
          library("Server.run", "uvicorn/server.py"), stdlib("run", "asyncio/runners.py"),
          stdlib("Runner.run", "asyncio/runners.py")};
}

std::vector<Frame> asyncio_loop() {
  return {stdlib("BaseEventLoop.run_until_complete", "asyncio/base_events.py"),
          stdlib("BaseEventLoop.run_forever", "asyncio/base_events.py"),
          stdlib("BaseEventLoop._run_once", "asyncio/base_events.py"),
          stdlib("Handle._run", "asyncio/events.py")};
}

std::vector<Frame> server() {
  return {library("RequestResponseCycle.run_asgi", "uvicorn/protocols/http/httptools_impl.py"),
          library("ProxyHeadersMiddleware.__call__", "uvicorn/middleware/proxy_headers.py"),
          library("FastAPI.__call__", "fastapi/applications.py"),
          library("Starlette.__call__", "starlette/applications.py"),
          library("ServerErrorMiddleware.__call__", "starlette/middleware/errors.py")};
}

std::vector<Frame> router() {
  return {library("ExceptionMiddleware.__call__", "starlette/middleware/exceptions.py"),
          library("AsyncExitStackMiddleware.__call__", "fastapi/middleware/asyncexitstack.py"),
          library("Router.__call__", "starlette/routing.py"),
          library("Route.handle", "starlette/routing.py"),
          library("request_response.<locals>.app", "starlette/routing.py"),
          library("get_request_handler.<locals>.app", "fastapi/routing.py")};
}

std::vector<Frame> endpoint_caller() {
  return {library("run_endpoint_function", "fastapi/routing.py")};
}

std::vector<Frame> requests_call() {
  return {library("get", "requests/api.py"), library("urlopen", "urllib3/connectionpool.py"),
          stdlib("SocketIO.readinto", "socket.py")};
}

struct Case {
  const char* name;
  Stack stack;
  std::string function;
  std::string entry;
};

TEST(Attribution, NamesFunctionAndEntry) {
  const std::vector<Case> cases = {
      {"helper below an endpoint, uvloop",
       calls({runner(),
              server(),
              router(),
              endpoint_caller(),
              {app("upload"), app("save_log", "app/log.py")},
              requests_call()}),
       "save_log", "upload"},
      {"helper below an endpoint, asyncio",
       calls({runner(),
              asyncio_loop(),
              server(),
              router(),
              endpoint_caller(),
              {app("upload"), app("save_log", "app/log.py")},
              requests_call()}),
       "save_log", "upload"},
      {"the endpoint itself computes",
       calls({runner(),
              server(),
              router(),
              endpoint_caller(),
              {app("upload")},
              {stdlib("loads", "json/__init__.py")}}),
       "upload", "upload"},
      {"a pure ASGI middleware of the user's stands between",
       calls({runner(),
              server(),
              {app("Timing.__call__", "app/middleware.py")},
              router(),
              endpoint_caller(),
              {app("upload"), app("save_log", "app/log.py")}}),
       "save_log", "upload"},
      {"that middleware itself blocks",
       calls({runner(), asyncio_loop(), server(), {app("Timing.__call__", "app/middleware.py")}}),
       "Timing.__call__", "Timing.__call__"},
      {"a BaseHTTPMiddleware's function inside a pure one",
       calls({runner(),
              asyncio_loop(),
              server(),
              {app("Timing.__call__", "app/middleware.py")},
              {library("BaseHTTPMiddleware.__call__", "starlette/middleware/base.py")},
              {app("audit", "app/middleware.py")}}),
       "audit", "audit"},
      {"a dependency",
       calls({runner(),
              server(),
              router(),
              {library("solve_dependencies", "fastapi/dependencies/utils.py")},
              {app("current_user"), app("query", "app/db.py")}}),
       "query", "current_user"},
      {"a background task",
       calls({runner(),
              server(),
              router(),
              {library("Response.__call__", "starlette/responses.py"),
               library("BackgroundTasks.__call__", "starlette/background.py"),
               library("BackgroundTask.__call__", "starlette/background.py")},
              {app("send_mail")}}),
       "send_mail", "send_mail"},
      {"a starlette class endpoint",
       calls({runner(),
              server(),
              router(),
              {library("HTTPEndpoint.dispatch", "starlette/endpoints.py")},
              {app("Upload.post"), app("helper")}}),
       "helper", "Upload.post"},
      {"newer starlette wraps once more",
       calls({runner(),
              server(),
              {library("request_response.<locals>.app.<locals>.app", "starlette/routing.py")},
              {app("upload"), app("helper")}}),
       "helper", "upload"},
      {"a plain task on asyncio",
       calls({{app("<module>"), app("main")},
              {stdlib("run", "asyncio/runners.py")},
              asyncio_loop(),
              {app("worker"), app("helper")}}),
       "helper", "worker"},
      {"a plain task on uvloop", calls({{app("<module>")}, runner(), {app("main"), app("helper")}}),
       "helper", "main"},
      {"a uvloop without any frame of its own: the module's body is no entry",
       calls({{app("<module>"), app("main"), app("helper")}}), "helper", "main"},
      {"an import while serving", calls({{app("<module>", "app/heavy.py")}}), "<module>",
       "<module>"},
      {"plain names before CPython 3.11",
       calls({{stdlib("_run", "asyncio/events.py")},
              server(),
              {app("__call__", "app/middleware.py")},
              {library("app", "fastapi/routing.py")},
              endpoint_caller(),
              {app("upload"), app("helper")}}),
       "helper", "upload"},
      {"main.py that started the server is not to blame for the server's work",
       calls({{app("<module>"), app("main")},
              runner(),
              server(),
              router(),
              {library("serialize_response", "fastapi/routing.py")}}),
       "~framework", ""},
      {"a middleware of the user's is not to blame for what the framework does behind it",
       calls({runner(),
              server(),
              {app("Timing.__call__", "app/middleware.py")},
              router(),
              {library("serialize_response", "fastapi/routing.py")}}),
       "~framework", ""},
      {"nor a route class of the user's",
       calls({runner(),
              server(),
              {library("request_response.<locals>.app", "starlette/routing.py")},
              {app("TimedRoute.get_route_handler.<locals>.timed")},
              {library("get_request_handler.<locals>.app", "fastapi/routing.py"),
               library("serialize_response", "fastapi/routing.py")}}),
       "~framework", ""},
      {"but for what it does to the response on its way out",
       calls({runner(),
              server(),
              {app("Timing.__call__", "app/middleware.py")},
              router(),
              {library("Response.__call__", "starlette/responses.py")},
              {app("Timing.__call__.<locals>.send_with_time", "app/middleware.py")}}),
       "Timing.__call__.<locals>.send_with_time", "Timing.__call__.<locals>.send_with_time"},
      {"an endpoint that is nothing but a library, behind a middleware of the user's",
       calls({runner(),
              server(),
              {app("Timing.__call__", "app/middleware.py")},
              router(),
              endpoint_caller(),
              {third_party("track")}}),
       "track", ""},
      {"a library of nobody's list",
       calls({runner(),
              server(),
              router(),
              endpoint_caller(),
              {third_party("outer")},
              {third_party("inner")},
              requests_call()}),
       "inner", ""},
      {"application code wins over a library further in",
       calls({runner(),
              server(),
              router(),
              endpoint_caller(),
              {app("upload")},
              {third_party("inner")}}),
       "upload", "upload"},
      {"only listed and standard code", calls({runner(), server(), router()}), "~framework", ""},
      {"generated code inside a function is the function's",
       calls({runner(), server(), router(), endpoint_caller(), {app("upload")}, {synthetic()}}),
       "upload", "upload"},
      {"generated code below a library is the library's",
       calls({runner(), {third_party("inner")}, {synthetic()}}), "inner", ""},
      {"nothing but generated code", calls({runner(), server(), {synthetic()}}), "~generated", ""},
      {"a transparent helper is skipped",
       calls({runner(),
              server(),
              router(),
              endpoint_caller(),
              {app("upload"), app("save_log"), transparent(app("http_get", "app/http.py"))},
              requests_call()}),
       "save_log", "upload"},
      {"a transparent decorator is no entry",
       calls({runner(),
              server(),
              router(),
              endpoint_caller(),
              {transparent(app("timed.<locals>.wrapper")), app("upload")}}),
       "upload", "upload"},
      {"a decorator's wrapper is not the endpoint",
       calls({runner(),
              server(),
              router(),
              endpoint_caller(),
              {wrapper(app("timed.<locals>.wrapper")), app("upload"), app("save_log")}}),
       "save_log", "upload"},
      {"nor are two",
       calls({runner(),
              endpoint_caller(),
              {wrapper(app("timed.<locals>.wrapper")), wrapper(app("cached.<locals>.wrapper")),
               app("upload")}}),
       "upload", "upload"},
      {"the wrapper itself blocks",
       calls({runner(), endpoint_caller(), {wrapper(app("limited.<locals>.wrapper"))}}),
       "limited.<locals>.wrapper", "limited.<locals>.wrapper"},
      {"the package decorator: generated code, its own, the decorator, the endpoint",
       calls({runner(),
              endpoint_caller(),
              {library("decorate.<locals>.fun", "decorator.py")},
              {app("logged"), app("upload"), app("save_log")}}),
       "save_log", "upload"},
      {"an endpoint made inside a function is no wrapper",
       calls({runner(), endpoint_caller(), {app("create_app.<locals>.upload"), app("save_log")}}),
       "save_log", "create_app.<locals>.upload"},
      {"an import whose module's body could not be read is the importer's",
       calls({runner(),
              endpoint_caller(),
              {app("upload"), frozen("_find_and_load"), frozen("_call_with_frames_removed"),
               unread()}}),
       "upload", "upload"},
      {"any other frame that could not be read may be the user's",
       calls({runner(), endpoint_caller(), {app("upload"), unread()}}), "~unknown", "upload"},
      {"transparent frames are never blamed, even alone",
       calls({runner(), server(), {transparent(app("http_get"))}}), "~framework", ""},
      {"a transparent library is skipped too",
       calls({runner(), {third_party("inner")}, {transparent(third_party("wrapper"))}}), "inner",
       ""},
      {"a thread of a pool, for a wait on the GIL",
       calls({{stdlib("Thread._bootstrap", "threading.py"), stdlib("Thread.run", "threading.py"),
               stdlib("_worker", "concurrent/futures/thread.py"),
               stdlib("_WorkItem.run", "concurrent/futures/thread.py")},
              {app("crunch"), app("inner_crunch")}}),
       "inner_crunch", "crunch"},
      {"a comprehension is its function",
       calls({runner(),
              {app("main"), app("fetch_all"), app("fetch_all.<locals>.<listcomp>")},
              requests_call()}),
       "fetch_all", "main"},
      {"a generator expression in a comprehension",
       calls({runner(), {app("fetch.<locals>.<genexpr>.<locals>.<listcomp>")}}), "fetch", "fetch"},
      {"a comprehension of a module, or before 3.11", calls({{app("<module>"), app("<listcomp>")}}),
       "<module>", "<module>"},
      {"a lambda keeps its name", calls({runner(), {app("main.<locals>.<lambda>")}}),
       "main.<locals>.<lambda>", "main.<locals>.<lambda>"},
  };
  for (const Case& c : cases) {
    const Attribution attribution = attribute(c.stack);
    EXPECT_EQ(attribution.function, c.function) << c.name;
    EXPECT_EQ(attribution.entry, c.entry) << c.name;
  }
}

TEST(Attribution, TruncatedStacksNameOnlyWhatIsCertain) {
  const std::vector<Case> cases = {
      {"the function is kept, the entry is not", truncated(calls({{app("a"), app("b")}})), "b", ""},
      {"the frame that called the endpoint is still there",
       truncated(calls({endpoint_caller(), {app("upload"), app("helper")}})), "helper", "upload"},
      {"the loop's own frame is still there: nothing of the turn is missing",
       truncated(calls({{stdlib("Handle._run", "asyncio/events.py")}, server()})), "~framework",
       ""},
      {"the user's frames may be among the missing", truncated(calls({server()})), "~unknown", ""},
      {"a library is better than nothing", truncated(calls({{third_party("x")}, server()})), "x",
       ""},
  };
  for (const Case& c : cases) {
    const Attribution attribution = attribute(c.stack);
    EXPECT_EQ(attribution.function, c.function) << c.name;
    EXPECT_EQ(attribution.entry, c.entry) << c.name;
  }
}

TEST(Attribution, GivesAllOfTheBlamedFrame) {
  const Stack stack = calls({runner(),
                             server(),
                             router(),
                             endpoint_caller(),
                             {app("upload"), app("save_log", "app/log.py", 12)},
                             requests_call()});
  const Attribution attribution = attribute(stack);
  ASSERT_TRUE(attribution.culprit.has_value());
  EXPECT_EQ(stack.frames[*attribution.culprit].function, "save_log");
  ASSERT_TRUE(attribution.entry_frame.has_value());
  EXPECT_EQ(stack.frames[*attribution.entry_frame].function, "upload");
  EXPECT_EQ(attribution.file, "app/log.py");
  EXPECT_EQ(attribution.path, "/srv/app/log.py");
  EXPECT_EQ(attribution.line, 12);
  EXPECT_EQ(attribution.leaf, "SocketIO.readinto");
}

TEST(Attribution, LeavesReservedNamesWithoutAPlace) {
  const Attribution attribution = attribute(calls({runner(), server()}));
  EXPECT_EQ(attribution.function, kFramework);
  EXPECT_FALSE(attribution.culprit.has_value());
  EXPECT_EQ(attribution.file, "");
  EXPECT_EQ(attribution.path, "");
  EXPECT_EQ(attribution.line, 0);
  EXPECT_EQ(attribution.leaf, "ServerErrorMiddleware.__call__");
}

TEST(Attribution, TheCollectorIsNobodysFault) {
  const Stack stack = calls({runner(), {app("upload"), app("make_orders")}});
  ASSERT_EQ(attribute(stack).function, "make_orders");
  const Attribution attribution = attribute_collection(stack);
  EXPECT_EQ(attribution.function, kGc);
  EXPECT_EQ(attribution.file, "");
  EXPECT_EQ(attribution.entry, "");
  EXPECT_FALSE(attribution.culprit);
  EXPECT_EQ(attribution.leaf, "make_orders");
  EXPECT_EQ(attribute_collection(Stack{}).function, kGc);
}

TEST(Attribution, EmptyStackIsUnknown) {
  const Attribution attribution = attribute(Stack{});
  EXPECT_EQ(attribution.function, kUnknown);
  EXPECT_EQ(attribution.entry, "");
  EXPECT_EQ(attribution.leaf, "");
}

TEST(Attribution, ApplicationCodeIsNeverADispatchFrame) {
  Frame own = app("run_endpoint_function", "fastapi/routing.py");
  const Attribution attribution = attribute(calls({runner(), {app("upload"), own, app("helper")}}));
  EXPECT_EQ(attribution.entry, "upload");
}

TEST(Attribution, BoundsNames) {
  const std::string longest = "C." + std::string(500, 'x');
  const Attribution attribution = attribute(calls({{app(longest + "\xFF")}}));
  EXPECT_EQ(attribution.function.size(), kMaxFunctionBytes);
  EXPECT_EQ(attribution.entry.size(), kMaxFunctionBytes);
  EXPECT_EQ(attribution.leaf.size(), kMaxFunctionBytes);
  EXPECT_EQ(attribute(calls({{app("a\xFF")}})).function, "a\xEF\xBF\xBD");
}

}  // namespace
}  // namespace loopstall::stacks
