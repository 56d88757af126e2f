// SPDX-License-Identifier: Apache-2.0
#include "host/container.h"

#include <gtest/gtest.h>

#include <string>

namespace loopstall::host {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOther = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const std::string kUid = "3b0e4b1c-58d5-4a35-9d4e-0a1b2c3d4e5f";
const std::string kUidInSlice = "3b0e4b1c_58d5_4a35_9d4e_0a1b2c3d4e5f";
const std::string kStaticUid = "5d1a3c7e9b2f4e6d8c0a1b3d5f7e9a2c";

TEST(ContainerIdentity, IsFoundInTheFormsOfEachRuntime) {
  for (const std::string& text : {
           "0::/system.slice/docker-" + kId + ".scope\n",
           "12:pids:/docker/" + kId + "\n11:cpu:/docker/" + kId + "\n0::/\n",
           "0::/machine.slice/libpod-" + kId + ".scope/container\n",
           "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId +
               ".scope/container\n",
           "0::/system.slice/containerd.service/default:cri-containerd:" + kId + "\n",
           "0::/../../system.slice/docker-" + kId + ".scope/init",
       }) {
    EXPECT_EQ(container_identity(text), (ContainerIdentity{kId, ""})) << text;
  }
}

TEST(ContainerIdentity, HasThePodOfBothDriversAndEachRuntime) {
  const std::string slices =
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidInSlice + ".slice";
  for (const std::string& text : {
           // systemd driver, v2: containerd, CRI-O (and below it), Docker
           "0::" + slices + "/cri-containerd-" + kId + ".scope\n",
           "0::" + slices + "/crio-" + kId + ".scope\n",
           "0::" + slices + "/crio-" + kId + ".scope/container\n",
           "0::" + slices + "/docker-" + kId + ".scope\n",
           // a pod of the guaranteed class
           "0::/kubepods.slice/kubepods-pod" + kUidInSlice + ".slice/cri-containerd-" + kId +
               ".scope\n",
           // cgroupfs driver: v2, and v1 with its line for each controller
           "0::/kubepods/besteffort/pod" + kUid + "/" + kId + "\n",
           "12:hugetlb:/kubepods/burstable/pod" + kUid + "/" + kId +
               "\n11:memory:/kubepods/burstable/pod" + kUid + "/" + kId +
               "\n1:name=systemd:/kubepods/burstable/pod" + kUid + "/" + kId + "\n",
           // v1 where a controller is not used
           "3:rdma:/\n2:cpu,cpuacct:/kubepods/pod" + kUid + "/" + kId + "\n0::/\n",
           // containerd v1 under a kubelet with the systemd driver
           "1:name=systemd:/system.slice/containerd.service/kubepods-burstable-pod" + kUidInSlice +
               ".slice:cri-containerd:" + kId + "\n",
           // the agent's own cgroup namespace is private
           "0::/../../kubepods-burstable-pod" + kUidInSlice + ".slice/cri-containerd-" + kId +
               ".scope\n",
           "0::/../../../besteffort/pod" + kUid + "/" + kId + "\n",
           // kind: the node is a container itself
           "0::/docker/" + kOther +
               "/kubelet.slice/kubelet-kubepods.slice/"
               "kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" +
               kUidInSlice + ".slice/cri-containerd-" + kId + ".scope\n",
           "0::/docker/" + kOther + "/kubelet/kubepods/burstable/pod" + kUid + "/" + kId + "\n",
           // the container starts containers of its own: they are part of it
           "0::/kubepods/burstable/pod" + kUid + "/" + kId + "/docker/" + kOther + "\n",
       }) {
    EXPECT_EQ(container_identity(text), (ContainerIdentity{kId, kUid})) << text;
  }
}

TEST(ContainerIdentity, AStaticPodsUidIsAHash) {
  EXPECT_EQ(container_identity("0::/kubepods/burstable/pod" + kStaticUid + "/" + kId + "\n"),
            (ContainerIdentity{kId, kStaticUid}));
}

TEST(ContainerIdentity, WithoutAPodTheInnermostContainerCounts) {
  EXPECT_EQ(container_identity("0::/docker/" + kOther + "/docker/" + kId + "\n"),
            (ContainerIdentity{kId, ""}));
}

TEST(ContainerIdentity, OfAPodButOfNoContainer) {
  EXPECT_EQ(container_identity("0::/docker/" + kOther + "/kubepods/burstable/pod" + kUid + "\n"),
            (ContainerIdentity{"", kUid}));
}

TEST(ContainerIdentity, OtherRuntimesHaveTheirOwnForms) {
  const std::string task = "0123456789abcdef0123456789abcdef-1873542097";
  EXPECT_EQ(container_identity("9:memory:/ecs/0123456789abcdef0123456789abcdef/" + task + "\n").id,
            task);
  EXPECT_EQ(container_identity("0::/lxc.payload.web-1/system.slice/app.service\n").id, "web-1");
}

TEST(ContainerIdentity, OthersHaveNone) {
  for (const std::string& text : {
           std::string(),
           std::string("0::/\n"),
           std::string("0::"),
           std::string("0\n::\n:"),
           std::string("0::/user.slice/user-0.slice/session-1.scope\n"),
           std::string("0::/podruntime/runtime\n"),
           std::string("0::/lxc.payload.a\"b\n"),
           "0::/ecs/" + kId.substr(0, 32) + "-" + std::string(60, '1') + "\n",
           std::string("4:memory:/process_api/9e48b47aaf0f0fcc102f1144b31a2d49\n"),
           "0::/system.slice/" + kId.substr(1) + "\n",
           "0::/system.slice/a" + kId + "\n",
           "0::/system.slice/docker-" + kId.substr(0, 63) + "g.scope\n",
           "0::/system.slice/crio-conmon-" + kId + ".scope\n",
           "0::/machine.slice/libpod-conmon-" + kId + ".scope\n",
           "0::/docker/" + kId + ".mount\n",
           "0::/kubepods/burstable/pod" + kUid.substr(1) + "\n",
           "0::/kubepods/burstable/pod" + kUid.substr(0, 35) + "G\n",
           "0::/kubepods/burstable/nopod" + kUid + "\n",
       }) {
    EXPECT_EQ(container_identity(text), ContainerIdentity{}) << text;
  }
}

TEST(ContainerIdentity, AnEndlessPathIsBounded) {
  std::string path = "0::";
  for (int i = 0; i < 100'000; ++i) path += "/pod";
  EXPECT_EQ(container_identity(path + "/" + kId), ContainerIdentity{});
}

TEST(ShortContainerId, IsWhatRuntimesShow) {
  EXPECT_EQ(short_container_id(kId), "0123456789ab");
  EXPECT_EQ(short_container_id("web-1"), "web-1");
  EXPECT_EQ(short_container_id(""), "");
}

}  // namespace
}  // namespace loopstall::host
