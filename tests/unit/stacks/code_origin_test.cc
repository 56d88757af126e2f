// SPDX-License-Identifier: Apache-2.0
#include "stacks/code_origin.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ostream>
#include <vector>

#include "file_tree.h"

namespace loopstall::stacks {

void PrintTo(Ownership ownership, std::ostream* out) { *out << ownership_name(ownership); }

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
  Ownership ownership;
};

TEST(CodeOrigin, TellsCodeByNameAlone) {
  const FileTree empty;
  CodeOrigin origin(process_of(empty), {});
  const std::vector<Case> cases = {
      // code without a file
      {"<frozen runpy>", Ownership::frozen},
      {"<frozen importlib._bootstrap>", Ownership::frozen},
      {"<stdin>", Ownership::main_program},
      {"<string>", Ownership::generated},
      {"<decorator-gen-12>", Ownership::generated},
      {"<attrs generated init app.User>", Ownership::generated},
      {"<template>", Ownership::generated},
      {"", Ownership::generated},
      // compiled from a file that is no Python, wherever it lies
      {"/srv/app/templates/orders.html", Ownership::template_text},
      {"mails/receipt.txt.j2", Ownership::template_text},
      {"/venv/lib/python3.11/site-packages/acme/templates/base.html", Ownership::template_text},
      {"/srv/app/html", Ownership::own_file},
      {"/srv/app/orders.html.py", Ownership::own_file},
      {"/srv/buildbot/master.cfg", Ownership::own_file},
      // installed
      {"/venv/lib/python3.11/site-packages/starlette/routing.py", Ownership::listed},
      {"/venv/lib/python3.11/site-packages/six.py", Ownership::listed},
      {"/venv/lib64/python3.9/site-packages/fastapi/routing.py", Ownership::listed},
      {"/usr/lib/python3/dist-packages/uvicorn/server.py", Ownership::listed},
      {"/usr/local/lib/python3.11/dist-packages/acme/api.py", Ownership::installed},
      {"/venv/lib/python3.11/site-packages/acme/api.py", Ownership::installed},
      {"/venv/lib/python3.11/site-packages/acme.py", Ownership::installed},
      {"/venv/lib/python3.11/site-packages/google/protobuf/message.py", Ownership::listed},
      {"/venv/lib/python3.11/site-packages/google/acme/message.py", Ownership::installed},
      // a listed name counts from its first letter to its last, and only where it is imported
      {"/venv/lib/python3.11/site-packages/starlette_acme/x.py", Ownership::installed},
      {"/venv/lib/python3.11/site-packages/acme/redis/client.py", Ownership::installed},
      {"/srv/app/redis/client.py", Ownership::own_file},
      {"/srv/app/services/requests.py", Ownership::own_file},
      // the standard library by its form
      {"/usr/lib/python3.11/json/decoder.py", Ownership::stdlib_folder},
      {"/usr/lib/python311.zip/json/decoder.py", Ownership::stdlib_folder},
      {"/opt/python3.13t/lib/python3.13t/ssl.py", Ownership::stdlib_folder},
      {"/opt/pypy/lib/pypy3.10/ssl.py", Ownership::stdlib_folder},
      {"/srv/python3.11/app.py", Ownership::own_file},
      {"/srv/lib/python3.x/app.py", Ownership::own_file},
      // the user's own
      {"/srv/app/main.py", Ownership::own_file},
      {"main.py", Ownership::own_file},
      {"./lib/../main.py", Ownership::own_file},
      {"/", Ownership::own_file},
      // a server's console script only imports and runs
      {"/venv/bin/uvicorn", Ownership::server_script},
      {"/usr/bin/gunicorn", Ownership::server_script},
      {"/venv/bin/acme-worker", Ownership::own_file},
      {"/srv/app/uvicorn", Ownership::own_file},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(origin.classify(c.filename), c.ownership) << c.filename;
  }
}

TEST(CodeOrigin, TakesStringForTheProgramOfDashC) {
  const FileTree empty;
  ProcessCode process = process_of(empty);
  process.main_is_string = true;
  CodeOrigin origin(process, {});
  EXPECT_EQ(origin.classify("<string>"), Ownership::main_program);
  EXPECT_EQ(origin.classify("<decorator-gen-1>"), Ownership::generated);
}

TEST(CodeOrigin, ResolvesRelativePathsAgainstTheWorkingDirectory) {
  const FileTree empty;
  ProcessCode process = process_of(empty);
  process.cwd = kSite;
  CodeOrigin origin(process, {});
  EXPECT_EQ(origin.classify("acme/api.py"), Ownership::installed);
  EXPECT_EQ(origin.classify("../../../../srv/acme/api.py"), Ownership::own_file);
}

TEST(CodeOrigin, LearnsTheStandardLibraryFromAsyncio) {
  FileTree tree;
  tree.file("/opt/embedded/os.py").file("/opt/embedded/asyncio/events.py");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/opt/embedded/json/decoder.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/opt/embedded/asyncio/base_events.py"), Ownership::stdlib_folder);
  EXPECT_EQ(origin.stdlib_dir(), "/opt/embedded");
  EXPECT_EQ(origin.classify("/opt/embedded/json/decoder.py"), Ownership::stdlib_folder);
}

TEST(CodeOrigin, BelievesTheGivenStandardLibrary) {
  const FileTree empty;
  ProcessCode process = process_of(empty);
  process.stdlib_dir = "/opt/embedded";
  CodeOrigin origin(process, {});
  EXPECT_EQ(origin.classify("/opt/embedded/json/decoder.py"), Ownership::stdlib_folder);
  EXPECT_EQ(origin.classify("/opt/embedded/site-packages/acme.py"), Ownership::installed);
  EXPECT_EQ(origin.classify("/opt/embedded2/acme.py"), Ownership::own_file);
}

TEST(CodeOrigin, IsNotFooledByAFolderOfTheUsersThatLooksLikeTheStandardLibrary) {
  FileTree tree;
  tree.file("/srv/app/asyncio/events.py").file("/srv/lib/python3.11/billing.py");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/srv/app/asyncio/events.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/srv/lib/python3.11/billing.py"), Ownership::own_file);
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
  EXPECT_EQ(origin.classify(site("acme/billing/api.py")), Ownership::local_directory);
  EXPECT_EQ(origin.classify(site("acme/billing/a,b.py")), Ownership::local_directory);
  EXPECT_EQ(origin.classify(site("acme/q\"uote.py")), Ownership::local_directory);
  EXPECT_EQ(origin.classify(site("legacy.py")), Ownership::local_directory);
  EXPECT_EQ(origin.classify(site("acme/other/api.py")), Ownership::installed);
  EXPECT_EQ(origin.classify(site("wheelpkg/api.py")), Ownership::installed);
}

TEST(CodeOrigin, NamesALocalPackageWithoutARecordByItsDistribution) {
  FileTree tree;
  tree.file(site("acme_core-1.0.dist-info/direct_url.json"),
            R"({"dir_info": {"editable": false}})");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify(site("acme_core/api.py")), Ownership::local_directory);
  EXPECT_EQ(origin.classify(site("acme_core.py")), Ownership::local_directory);
  EXPECT_EQ(origin.classify(site("acme_core2/api.py")), Ownership::installed);
}

TEST(CodeOrigin, KeepsListedPackagesLibraryEvenWhenLocalOrConfigured) {
  FileTree tree;
  tree.file(site("starlette-9.dist-info/direct_url.json"), R"({"dir_info": {}})")
      .file(site("starlette-9.dist-info/RECORD"), "starlette/routing.py,,\n");
  CodeOrigin origin(process_of(tree), {.application_packages = {"starlette"}});
  EXPECT_EQ(origin.classify(site("starlette/routing.py")), Ownership::listed);
}

TEST(CodeOrigin, TakesConfiguredPackagesForTheUsers) {
  const FileTree empty;
  CodeOrigin origin(process_of(empty), {.application_packages = {"ocr-core", "acme.billing"}});
  EXPECT_EQ(origin.classify(site("ocr_core/api.py")), Ownership::application_package);
  EXPECT_EQ(origin.classify(site("ocr_core.py")), Ownership::application_package);
  EXPECT_EQ(origin.classify(site("ocr_core_extra/api.py")), Ownership::installed);
  EXPECT_EQ(origin.classify(site("acme/billing/api.py")), Ownership::application_package);
  EXPECT_EQ(origin.classify(site("acme/shipping/api.py")), Ownership::installed);
}

TEST(CodeOrigin, TellsInstalledFilesBesideTheUsersByTheirRecord) {
  FileTree tree;
  tree.file("/var/task/acmelib-1.0.dist-info/RECORD",
            "acmelib/x.py,,\nrequests/api.py,,\nconfpkg/x.py,,\n")
      .file("/var/task/mine-1.0.dist-info/RECORD", "mine/x.py,,\nredis/x.py,,\n")
      .file("/var/task/mine-1.0.dist-info/direct_url.json", R"({"dir_info": {}})");
  CodeOrigin origin(process_of(tree), {.application_packages = {"confpkg"}});
  EXPECT_EQ(origin.classify("/var/task/acmelib/x.py"), Ownership::installed);
  EXPECT_EQ(origin.classify("/var/task/requests/api.py"), Ownership::listed);
  EXPECT_EQ(origin.classify("/var/task/requests/mine.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/var/task/handler.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/var/task/confpkg/x.py"), Ownership::application_package);
  EXPECT_EQ(origin.classify("/var/task/mine/x.py"), Ownership::local_directory);
  EXPECT_EQ(origin.classify("/var/task/redis/x.py"), Ownership::listed);
  EXPECT_EQ(origin.classify("/var/task/redis/own.py"), Ownership::own_file);
}

TEST(CodeOrigin, IgnoresRecordsBeyondTheirBound) {
  FileTree tree;
  std::string record = "big/x.py,,\n";
  record.resize(4 * 1024 * 1024 + 1, '\n');
  tree.file("/var/task/big-1.dist-info/RECORD", record);
  record.resize(4 * 1024 * 1024);
  tree.file("/var/task/fits-1.dist-info/RECORD", record.replace(0, 3, "fit"));
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/var/task/big/x.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/var/task/fit/x.py"), Ownership::installed);
}

TEST(CodeOrigin, SharesANamespaceByDistribution) {
  FileTree tree;
  tree.file(site("acme_billing-1.0.dist-info/direct_url.json"), R"({"dir_info": {}})")
      .file(site("acme_billing-1.0.dist-info/RECORD"), "acme/billing/api.py,,\n")
      .file(site("acme_shipping-1.0.dist-info/direct_url.json"), R"({"archive_info": {}})")
      .file(site("acme_shipping-1.0.dist-info/RECORD"), "acme/shipping/api.py,,\n");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify(site("acme/billing/api.py")), Ownership::local_directory);
  EXPECT_EQ(origin.classify(site("acme/shipping/api.py")), Ownership::installed);
}

TEST(CodeOrigin, LeavesEditableInstallsToTheirOwnFolder) {
  FileTree tree;
  tree.file(site("ledger-1.0.dist-info/direct_url.json"), R"({"dir_info": {"editable": true}})")
      .file(site("ledger-1.0.dist-info/RECORD"), "__editable__.ledger-1.0.pth,,\n");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/src/ledger/ledger/book.py"), Ownership::own_file);
}

TEST(CodeOrigin, LooksIntoZipsByNameAlone) {
  FileTree tree;
  tree.file("/srv/kiosk.pyz", "PK").file("/srv/folder.egg/kiosk/x.py");
  CodeOrigin origin(process_of(tree), {});
  EXPECT_EQ(origin.classify("/srv/kiosk.pyz/kiosk/service.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/srv/kiosk.pyz/kiosk/redis.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/srv/kiosk.pyz/requests/api.py"), Ownership::listed);
  EXPECT_EQ(origin.classify("/srv/kiosk.pyz/__main__.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/srv/folder.egg/requests/api.py"), Ownership::own_file);
  EXPECT_EQ(origin.classify("/srv/absent.pyz/requests/api.py"), Ownership::own_file);
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
    EXPECT_EQ(origin.classify(site(name)), Ownership::installed) << name;
  }
  EXPECT_EQ(origin.classify(site("d/x.py")), Ownership::local_directory);
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
  EXPECT_EQ(origin.classify(site("out/x.py")), Ownership::installed);
  EXPECT_EQ(origin.classify(site("in/x.py")), Ownership::local_directory);
}

}  // namespace
}  // namespace loopstall::stacks
