// SPDX-License-Identifier: Apache-2.0
#include "stacks/import_root.h"

#include <gtest/gtest.h>

#include "file_tree.h"

namespace loopstall::stacks {
namespace {

ProcessCode process_of(const FileTree& tree, std::string cwd) {
  ProcessCode process;
  process.root = tree.root();
  process.cwd = std::move(cwd);
  return process;
}

TEST(ImportRoot, ClimbsOutOfPackagesWhereNoRootIsKnown) {
  FileTree tree;
  tree.file("/srv/app/__init__.py").file("/srv/app/services/__init__.py");
  ImportRoots roots(process_of(tree, "/"));
  EXPECT_EQ(roots.label("/srv/app/services/ocr.py"), "app/services/ocr.py");
  EXPECT_EQ(roots.label("/srv/app/main.py"), "app/main.py");
  EXPECT_EQ(roots.label("/srv/tools/run.py"), "run.py");
  EXPECT_EQ(roots.label("/run.py"), "run.py");
}

TEST(ImportRoot, TakesTheLongestKnownRoot) {
  FileTree tree;
  tree.file("/srv/app/__init__.py").file("/srv/app/services/__init__.py");
  ProcessCode process = process_of(tree, "/srv");
  EXPECT_EQ(ImportRoots(process).label("/srv/app/services/ocr.py"), "app/services/ocr.py");
  // Namespace packages: no __init__.py says where they start, the working directory does.
  EXPECT_EQ(ImportRoots(process).label("/srv/plain/deep/ocr.py"), "plain/deep/ocr.py");
  process.script = "app/main.py";
  EXPECT_EQ(ImportRoots(process).label("/srv/app/services/ocr.py"), "services/ocr.py");
  process.script = "/srv/app/main.py";
  EXPECT_EQ(ImportRoots(process).label("/srv/app/main.py"), "main.py");
  process.script = "";
  process.import_roots = {"app/services"};
  EXPECT_EQ(ImportRoots(process).label("/srv/app/services/ocr.py"), "ocr.py");
  EXPECT_EQ(ImportRoots(process).label("/srv/app/services2/ocr.py"), "app/services2/ocr.py");
}

TEST(ImportRoot, CutsInstalledPathsAtTheirSiteFolder) {
  const FileTree empty;
  ImportRoots roots(process_of(empty, "/venv"));
  EXPECT_EQ(roots.label("/venv/lib/python3.11/site-packages/starlette/routing.py"),
            "starlette/routing.py");
  EXPECT_EQ(roots.label("/usr/lib/python3/dist-packages/six.py"), "six.py");
}

TEST(ImportRoot, LooksForFewZipsInOnePath) {
  FileTree tree;
  const std::string folders = "/1.zip/2.zip/3.zip/4.zip/5.zip/6.zip/7.zip";
  tree.file(folders + "/8.zip", "PK").file(folders + "/b.zip/9.zip", "PK");
  ImportRoots roots(process_of(tree, "/srv"));
  EXPECT_EQ(roots.label(folders + "/8.zip/kiosk/x.py"), "kiosk/x.py");
  EXPECT_NE(roots.label(folders + "/b.zip/9.zip/kiosk/x.py"), "kiosk/x.py");
}

TEST(ImportRoot, CutsAtTheZipThatTheModuleCameFrom) {
  FileTree tree;
  tree.file("/srv/kiosk.pyz", "PK").file("/srv/folder.egg/kiosk/x.py");
  ImportRoots roots(process_of(tree, "/srv"));
  EXPECT_EQ(roots.label("kiosk.pyz/kiosk/service.py"), "kiosk/service.py");
  EXPECT_EQ(roots.label("/srv/kiosk.pyz/__main__.py"), "__main__.py");
  EXPECT_EQ(roots.label("/srv/folder.egg/kiosk/x.py"), "folder.egg/kiosk/x.py");
}

TEST(ImportRoot, CutsTheStandardLibrary) {
  const FileTree empty;
  ProcessCode process = process_of(empty, "/usr");
  EXPECT_EQ(ImportRoots(process).label("/usr/lib/python3.11/json/decoder.py"), "json/decoder.py");
  process.stdlib_dir = "/opt/embedded";
  EXPECT_EQ(ImportRoots(process).label("/opt/embedded/json/decoder.py"), "json/decoder.py");
}

TEST(ImportRoot, KeepsNamesThatAreNoPaths) {
  const FileTree empty;
  ImportRoots roots(process_of(empty, "/srv"));
  EXPECT_EQ(roots.label("<string>"), "<string>");
  EXPECT_EQ(roots.label("<frozen runpy>"), "<frozen runpy>");
  EXPECT_EQ(roots.label(""), "");
}

TEST(ImportRoot, ResolvesRelativePaths) {
  const FileTree empty;
  ImportRoots roots(process_of(empty, "/srv"));
  EXPECT_EQ(roots.label("app/../app/./main.py"), "app/main.py");
  EXPECT_EQ(ImportRoots(process_of(empty, "")).label("app/main.py"), "main.py");
}

TEST(ImportRoot, KeepsTheTailOfLongPaths) {
  const FileTree empty;
  ImportRoots roots(process_of(empty, "/srv"));
  std::string path = "/srv";
  while (path.size() < 400) path += "/package";
  const std::string label = roots.label(path + "/ocr.py");
  EXPECT_EQ(label.size(), kMaxFileLabelBytes);
  EXPECT_TRUE(label.ends_with("/package/ocr.py"));
  EXPECT_EQ(roots.label("/srv/a\xFF\n.py"), "a\xEF\xBF\xBD?.py");
}

TEST(ImportRoot, BoundsTheClimb) {
  FileTree tree;
  std::string folder = "/p";
  for (int level = 0; level < 40; ++level) {
    folder += "/q";
    tree.file(folder + "/__init__.py");
  }
  ImportRoots roots(process_of(tree, "/"));
  EXPECT_EQ(roots.label(folder + "/x.py").size(), 32 * 2 + std::string("x.py").size());
}

}  // namespace
}  // namespace loopstall::stacks
