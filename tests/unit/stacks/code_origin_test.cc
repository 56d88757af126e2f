// SPDX-License-Identifier: Apache-2.0
#include "stacks/code_origin.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ostream>
#include <vector>

#include "file_tree.h"

namespace loopstall::stacks {

void PrintTo(Origin origin, std::ostream* out) {
  constexpr const char* kNames[] = {"application", "third_party", "well_known", "stdlib",
                                    "synthetic"};
  *out << kNames[static_cast<int>(origin)];
}

namespace {

constexpr std::string_view kSite = "/venv/lib/python3.11/site-packages";

ProcessCode process_of(const FileTree& tree) {
  ProcessCode process;
  process.root = tree.root();
  process.cwd = "/srv/app";
  return process;
}

std::string site(std::string_view below) { return std::string(kSite) + "/" + std::string(below); }

struct Case {
  std::string_view filename;
  Origin origin;
};

TEST(CodeOrigin, TellsCodeByNameAlone) {
  const FileTree empty;
  CodeOrigin origin(process_of(empty), {});
  const std::vector<Case> cases = {
      // code without a file
      {"<frozen runpy>", Origin::stdlib},
      {"<frozen importlib._bootstrap>", Origin::stdlib},
      {"<stdin>", Origin::application},
      {"<string>", Origin::synthetic},
      {"<decorator-gen-12>", Origin::synthetic},
      {"<attrs generated init app.User>", Origin::synthetic},
      {"<template>", Origin::synthetic},
      {"", Origin::synthetic},
      // installed
      {"/venv/lib/python3.11/site-packages/starlette/routing.py", Origin::well_known},
      {"/venv/lib/python3.11/site-packages/six.py", Origin::well_known},
      {"/venv/lib64/python3.9/site-packages/fastapi/routing.py", Origin::well_known},
      {"/usr/lib/python3/dist-packages/uvicorn/server.py", Origin::well_known},
      {"/usr/local/lib/python3.11/dist-packages/acme/api.py", Origin::third_party},
      {"/venv/lib/python3.11/site-packages/acme/api.py", Origin::third_party},
      {"/venv/lib/python3.11/site-packages/acme.py", Origin::third_party},
      {"/venv/lib/python3.11/site-packages/google/protobuf/message.py", Origin::well_known},
      {"/venv/lib/python3.11/site-packages/google/acme/message.py", Origin::third_party},
      // a listed name counts from its first letter to its last, and only where it is imported
      {"/venv/lib/python3.11/site-packages/starlette_acme/x.py", Origin::third_party},
      {"/venv/lib/python3.11/site-packages/acme/redis/client.py", Origin::third_party},
      {"/srv/app/redis/client.py", Origin::application},
      {"/srv/app/services/requests.py", Origin::application},
      // the standard library by its form
      {"/usr/lib/python3.11/json/decoder.py", Origin::stdlib},
      {"/usr/lib/python311.zip/json/decoder.py", Origin::stdlib},
      {"/opt/python3.13t/lib/python3.13t/ssl.py", Origin::stdlib},
      {"/opt/pypy/lib/pypy3.10/ssl.py", Origin::stdlib},
      {"/srv/python3.11/app.py", Origin::application},
      {"/srv/lib/python3.x/app.py", Origin::application},
      // the user's own
      {"/srv/app/main.py", Origin::application},
      {"main.py", Origin::application},
      {"./lib/../main.py", Origin::application},
      {"/", Origin::application},
      // a server's console script only imports and runs
      {"/venv/bin/uvicorn", Origin::well_known},
      {"/usr/bin/gunicorn", Origin::well_known},
      {"/venv/bin/acme-worker", Origin::application},
      {"/srv/app/uvicorn", Origin::application},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(origin.classify(c.filename), c.origin) << c.filename;
  }
}

TEST(CodeOrigin, TakesStringForTheProgramOfDashC) {
  const FileTree empty;
  ProcessCode process = process_of(empty);
  process.main_is_string = true;
  CodeOrigin origin(process, {});
  EXPECT_EQ(origin.classify("<string>"), Origin::application);
  EXPECT_EQ(origin.classify("<decorator-gen-1>"), Origin::synthetic);
}

TEST(CodeOrigin, ResolvesRelativePathsAgainstTheWorkingDirectory) {
  const FileTree empty;
  ProcessCode process = process_of(empty);
  process.cwd = kSite;
  CodeOrigin origin(process, {});
  EXPECT_EQ(origin.classify("acme/api.py"), Origin::third_party);
  EXPECT_EQ(origin.classify("../../../../srv/acme/api.py"), Origin::application);
}

TEST(CodeOrigin, LearnsTheStandardLibraryFromAsyncio) {
  FileTree tree;
  tree.file("/opt/embedded/os.py").file("/opt/embedded/asyncio/events.py");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/opt/embedded/json/decoder.py"), Origin::application);
  EXPECT_EQ(origin.classify("/opt/embedded/asyncio/base_events.py"), Origin::stdlib);
  EXPECT_EQ(origin.stdlib_dir(), "/opt/embedded");
  EXPECT_EQ(origin.classify("/opt/embedded/json/decoder.py"), Origin::stdlib);
}

TEST(CodeOrigin, BelievesTheGivenStandardLibrary) {
  const FileTree empty;
  ProcessCode process = process_of(empty);
  process.stdlib_dir = "/opt/embedded";
  CodeOrigin origin(process, {});
  EXPECT_EQ(origin.classify("/opt/embedded/json/decoder.py"), Origin::stdlib);
  EXPECT_EQ(origin.classify("/opt/embedded/site-packages/acme.py"), Origin::third_party);
  EXPECT_EQ(origin.classify("/opt/embedded2/acme.py"), Origin::application);
}

TEST(CodeOrigin, IsNotFooledByAFolderOfTheUsersThatLooksLikeTheStandardLibrary) {
  FileTree tree;
  tree.file("/srv/app/asyncio/events.py").file("/srv/lib/python3.11/billing.py");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/srv/app/asyncio/events.py"), Origin::application);
  EXPECT_EQ(origin.classify("/srv/lib/python3.11/billing.py"), Origin::application);
  EXPECT_EQ(origin.stdlib_dir(), "");
}

TEST(CodeOrigin, TakesAPackageFromALocalDirectoryForTheUsers) {
  FileTree tree;
  tree.file(site("acme_billing-1.0.dist-info/direct_url.json"),
            R"({"dir_info": {}, "url": "file:///src/billing"})")
      .file(site("acme_billing-1.0.dist-info/RECORD"),
            "acme/billing/api.py,sha256=x,10\n\"acme/billing/a,b.py\",,\n\"acme/"
            "q\"\"uote.py\",,\nlegacy.py,,\n")
      .file(site("wheel-2.0.dist-info/direct_url.json"),
            R"({"archive_info": {}, "url": "file:///wheels/wheel.whl"})")
      .file(site("wheel-2.0.dist-info/RECORD"), "wheelpkg/api.py,,\n");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify(site("acme/billing/api.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("acme/billing/a,b.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("acme/q\"uote.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("legacy.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("acme/other/api.py")), Origin::third_party);
  EXPECT_EQ(origin.classify(site("wheelpkg/api.py")), Origin::third_party);
}

TEST(CodeOrigin, NamesALocalPackageWithoutARecordByItsDistribution) {
  FileTree tree;
  tree.file(site("acme_core-1.0.dist-info/direct_url.json"),
            R"({"dir_info": {"editable": false}})");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify(site("acme_core/api.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("acme_core.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("acme_core2/api.py")), Origin::third_party);
}

TEST(CodeOrigin, KeepsListedPackagesLibraryEvenWhenLocalOrConfigured) {
  FileTree tree;
  tree.file(site("starlette-9.dist-info/direct_url.json"), R"({"dir_info": {}})")
      .file(site("starlette-9.dist-info/RECORD"), "starlette/routing.py,,\n");
  CodeOrigin origin(process_of(tree), {.application_packages = {"starlette"}});
  EXPECT_EQ(origin.classify(site("starlette/routing.py")), Origin::well_known);
}

TEST(CodeOrigin, TakesConfiguredPackagesForTheUsers) {
  const FileTree empty;
  CodeOrigin origin(process_of(empty), {.application_packages = {"ocr-core", "acme.billing"}});
  EXPECT_EQ(origin.classify(site("ocr_core/api.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("ocr_core.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("ocr_core_extra/api.py")), Origin::third_party);
  EXPECT_EQ(origin.classify(site("acme/billing/api.py")), Origin::application);
  EXPECT_EQ(origin.classify(site("acme/shipping/api.py")), Origin::third_party);
}

TEST(CodeOrigin, TellsInstalledFilesBesideTheUsersByTheirRecord) {
  FileTree tree;
  tree.file("/var/task/acmelib-1.0.dist-info/RECORD",
            "acmelib/x.py,,\nrequests/api.py,,\nconfpkg/x.py,,\n")
      .file("/var/task/mine-1.0.dist-info/RECORD", "mine/x.py,,\nredis/x.py,,\n")
      .file("/var/task/mine-1.0.dist-info/direct_url.json", R"({"dir_info": {}})");
  CodeOrigin origin(process_of(tree), {.application_packages = {"confpkg"}});
  EXPECT_EQ(origin.classify("/var/task/acmelib/x.py"), Origin::third_party);
  EXPECT_EQ(origin.classify("/var/task/requests/api.py"), Origin::well_known);
  EXPECT_EQ(origin.classify("/var/task/requests/mine.py"), Origin::application);
  EXPECT_EQ(origin.classify("/var/task/handler.py"), Origin::application);
  EXPECT_EQ(origin.classify("/var/task/confpkg/x.py"), Origin::application);
  EXPECT_EQ(origin.classify("/var/task/mine/x.py"), Origin::application);
  EXPECT_EQ(origin.classify("/var/task/redis/x.py"), Origin::well_known);
  EXPECT_EQ(origin.classify("/var/task/redis/own.py"), Origin::application);
}

TEST(CodeOrigin, IgnoresRecordsBeyondTheirBound) {
  FileTree tree;
  std::string record = "big/x.py,,\n";
  record.resize(4 * 1024 * 1024 + 1, '\n');
  tree.file("/var/task/big-1.dist-info/RECORD", record);
  record.resize(4 * 1024 * 1024);
  tree.file("/var/task/fits-1.dist-info/RECORD", record.replace(0, 3, "fit"));
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/var/task/big/x.py"), Origin::application);
  EXPECT_EQ(origin.classify("/var/task/fit/x.py"), Origin::third_party);
}

TEST(CodeOrigin, SurvivesHostileMetadata) {
  FileTree tree;
  tree.file(site("a-1.dist-info/direct_url.json"), std::string(60'000, '['))
      .file(site("b-1.dist-info/direct_url.json"), "{\"dir_info\": ")
      .file(site("c-1.dist-info/direct_url.json"), "[\"dir_info\"]")
      .file(site("d-1.dist-info/direct_url.json"), R"({"dir_info": {}})")
      .file(site("d-1.dist-info/RECORD"), "\"unclosed.py\n\n,,,\n\"\"\"\"\nd/x.py");
  std::filesystem::create_directories(tree.on_host(site("e-1.dist-info")));
  ASSERT_EQ(::mkfifo(tree.on_host(site("e-1.dist-info/direct_url.json")).c_str(), 0600), 0);
  CodeOrigin origin(process_of(tree), {});
  for (const char* name : {"a/x.py", "b/x.py", "c/x.py", "e/x.py"}) {
    EXPECT_EQ(origin.classify(site(name)), Origin::third_party) << name;
  }
  EXPECT_EQ(origin.classify(site("d/x.py")), Origin::application);
}

TEST(CodeOrigin, KeepsLinksInsideTheTargetsRoot) {
  FileTree tree;
  FileTree outside;
  outside.file("/direct_url.json", R"({"dir_info": {}})");
  const std::string escape = site("out-1.dist-info");
  std::filesystem::create_directories(tree.on_host(kSite));
  std::filesystem::create_directory_symlink(outside.root(), tree.on_host(escape));
  tree.file("/shared/direct_url.json", R"({"dir_info": {}})");
  std::filesystem::create_directory_symlink("/shared", tree.on_host(site("in-1.dist-info")));
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify(site("out/x.py")), Origin::third_party);
  EXPECT_EQ(origin.classify(site("in/x.py")), Origin::application);
}

}  // namespace
}  // namespace loopstall::stacks
