// SPDX-License-Identifier: Apache-2.0
#include "session/container_labels.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace loopstall::session {
namespace {

namespace fs = std::filesystem;

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kUid = "3b0e4b1c-58d5-4a35-9d4e-0a1b2c3d4e5f";
const std::string kPodCgroup = "0::/kubepods/burstable/pod" + kUid + "/" + kId + "\n";
const std::string kLogLink = "1/root/var/log/containers/shop-1_prod_web-" + kId + ".log";
const std::string kLogFolder = "1/root/var/log/pods/prod_shop-1_" + kUid;
constexpr pid_t kPid = 77;

/// A /proc with the node's first process and one in a container.
class ContainerLabels : public testing::Test {
 protected:
  ContainerLabels() {
    std::string name = (fs::temp_directory_path() / "unit_session_XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    uts(1, "uts:[1]");
    uts(kPid, "uts:[2]");
    fs::create_directories(root_ / "77/root/etc");
  }
  ~ContainerLabels() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
  }
  void uts(pid_t pid, const std::string& target) {
    const fs::path link = root_ / std::to_string(pid) / "ns/uts";
    fs::create_directories(link.parent_path());
    fs::remove(link);
    fs::create_symlink(target, link);
  }
  void termination_log(const std::string& container) {
    write("77/mountinfo", "715 698 254:1 /var/lib/kubelet/pods/" + kUid + "/containers/" +
                              container +
                              "/5d9c1b7a /dev/termination-log rw - ext4 /dev/root rw\n");
  }
  void names_of_its_own() {
    write("77/root/etc/hostname", "shop-1\n");
    write("77/root/run/secrets/kubernetes.io/serviceaccount/namespace", "prod");
    fs::create_directories(root_ / "77/root/var");
    fs::create_symlink("/run", root_ / "77/root/var/run");  // inside the container's root
  }
  std::string labels() {
    loops::LoopLabels labels;
    label_container(host::Procfs(root_.string()), kPid, labels);
    return labels.namespace_ + "|" + labels.pod + "|" + labels.container;
  }

  fs::path root_;
};

TEST_F(ContainerLabels, OfAProcessOfTheNodeAreEmpty) {
  write("77/cgroup", "0::/system.slice/shop.service\n");
  write("77/mountinfo", "23 1 254:1 / / rw - ext4 /dev/root rw\n");
  names_of_its_own();
  EXPECT_EQ(labels(), "||");
}

TEST_F(ContainerLabels, OfAProcessThatIsGoneAreEmpty) { EXPECT_EQ(labels(), "||"); }

TEST_F(ContainerLabels, WithoutKubernetesTheContainerIsItsShortId) {
  write("77/cgroup", "0::/system.slice/docker-" + kId + ".scope\n");
  EXPECT_EQ(labels(), "||0123456789ab");
}

TEST_F(ContainerLabels, ComeFromTheNameOfTheLogLink) {
  write("77/cgroup", kPodCgroup);
  write("1/root/var/log/containers/other_prod_web-" + std::string(64, 'a') + ".log", "");
  write(kLogLink, "");
  EXPECT_EQ(labels(), "prod|shop-1|web");
}

TEST_F(ContainerLabels, ADanglingLogLinkHasNamesToo) {
  write("77/cgroup", kPodCgroup);
  fs::create_directories((root_ / kLogLink).parent_path());
  fs::create_symlink("/var/log/pods/gone/0.log", root_ / kLogLink);
  EXPECT_EQ(labels(), "prod|shop-1|web");
}

TEST_F(ContainerLabels, ComeFromTheLogFolderAndTheKubeletsMount) {
  write("77/cgroup", kPodCgroup);
  write(kLogFolder + "/web/0.log", "");
  write(kLogFolder + "/side-car/0.log", "");
  EXPECT_EQ(labels(), "||0123456789ab") << "nothing says which container it is";
  termination_log("side-car");
  EXPECT_EQ(labels(), "prod|shop-1|side-car");
}

TEST_F(ContainerLabels, APodsOnlyContainerNeedsNoMount) {
  write("77/cgroup", kPodCgroup);
  write(kLogFolder + "/web/0.log", "");
  write("1/root/var/log/pods/prod_shop-2_11111111-2222-3333-4444-555555555555/db/0.log", "");
  EXPECT_EQ(labels(), "prod|shop-1|web");
}

TEST_F(ContainerLabels, WhoseCgroupIsHiddenComeFromTheMount) {
  write("77/cgroup", "0::/\n");
  write(kLogFolder + "/web/0.log", "");
  termination_log("web");
  EXPECT_EQ(labels(), "prod|shop-1|web");
}

TEST_F(ContainerLabels, WithoutTheNodesLogsComeFromTheTarget) {
  write("77/cgroup", kPodCgroup);
  termination_log("web");
  names_of_its_own();
  EXPECT_EQ(labels(), "prod|shop-1|web");
}

TEST_F(ContainerLabels, WithoutAServiceAccountTheNamespaceIsInItsSearchList) {
  write("77/cgroup", kPodCgroup);
  termination_log("web");
  write("77/root/etc/hostname", "shop-1\n");
  EXPECT_EQ(labels(), "||0123456789ab") << "names are set all or none";
  write("77/root/etc/resolv.conf", "search prod.svc.cluster.local svc.cluster.local\n");
  EXPECT_EQ(labels(), "prod|shop-1|web");
}

TEST_F(ContainerLabels, OfAPodInTheNodesNetworkAreNotTheNodes) {
  write("77/cgroup", kPodCgroup);
  termination_log("web");
  names_of_its_own();
  uts(kPid, "uts:[1]");
  EXPECT_EQ(labels(), "||0123456789ab");
}

TEST_F(ContainerLabels, OfANodeWhoseRootIsClosedComeFromTheAgentsOwn) {
  write("77/cgroup", kPodCgroup);
  write("self/root/var/log/containers/shop-1_prod_web-" + kId + ".log", "");
  EXPECT_EQ(labels(), "prod|shop-1|web");
  fs::create_directories(root_ / "1/root");
  EXPECT_EQ(labels(), "||0123456789ab") << "the node's own logs, where they can be read";
}

TEST_F(ContainerLabels, WithoutTheNodesUtsNamespaceNoHostNameIsTaken) {
  write("77/cgroup", kPodCgroup);
  termination_log("web");
  names_of_its_own();
  fs::create_directories(root_ / "self/ns");
  fs::create_symlink("uts:[3]", root_ / "self/ns/uts");
  EXPECT_EQ(labels(), "prod|shop-1|web");
  fs::remove(root_ / "1/ns/uts");
  EXPECT_EQ(labels(), "||0123456789ab");
}

TEST_F(ContainerLabels, WhatTheTargetSaysDoesNotOverruleTheNode) {
  write("77/cgroup", kPodCgroup);
  termination_log("web");
  write("77/root/etc/hostname", "victim-of-a-lie\n");
  write("77/root/run/secrets/kubernetes.io/serviceaccount/namespace", "kube-system");
  write(kLogFolder + "/web/0.log", "");
  EXPECT_EQ(labels(), "prod|shop-1|web");
}

TEST_F(ContainerLabels, HostileNamesAreNone) {
  write("77/cgroup", kPodCgroup);
  termination_log("web");
  names_of_its_own();
  for (const std::string& host : {std::string("a\"b"), std::string("<script>"), std::string(),
                                  std::string(3'000, 'a'), std::string("\xff\xfe")}) {
    write("77/root/etc/hostname", host);
    EXPECT_EQ(labels(), "||0123456789ab") << host;
  }
}

TEST_F(ContainerLabels, LinksOfTheTargetDoNotLeadToTheNode) {
  write("77/cgroup", kPodCgroup);
  termination_log("web");
  names_of_its_own();
  write("node-secret", "secret\n");
  fs::remove(root_ / "77/root/etc/hostname");
  fs::create_symlink(root_ / "node-secret", root_ / "77/root/etc/hostname");
  EXPECT_EQ(labels(), "||0123456789ab");
}

}  // namespace
}  // namespace loopstall::session
