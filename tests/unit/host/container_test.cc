// SPDX-License-Identifier: Apache-2.0
#include "host/container.h"

#include <gtest/gtest.h>

#include <string>

namespace loopstall::host {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOther = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

TEST(ContainerId, IsFoundInTheFormsOfEachRuntime) {
  for (const std::string& text : {
           "0::/system.slice/docker-" + kId + ".scope\n",
           "12:pids:/docker/" + kId + "\n11:cpu:/docker/" + kId + "\n",
           "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice/"
           "cri-containerd-" +
               kId + ".scope\n",
           "0::/kubepods/besteffort/pod3d4f/" + kId + "\n",
           "0::/kubepods.slice/kubepods-pod1.slice/crio-" + kId + ".scope/container\n",
           "0::/machine.slice/libpod-" + kId + ".scope/container\n",
           "0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + kId + "\n",
           "0::/../../kubepods-pod1.slice/cri-containerd-" + kId + ".scope",
       }) {
    EXPECT_EQ(container_id(text), kId) << text;
  }
}

TEST(ContainerId, TheInnermostOneCounts) {
  EXPECT_EQ(container_id("0::/docker/" + kOther + "/kubelet/kubepods/pod1/" + kId + "\n"), kId);
}

TEST(ContainerId, OthersHaveNone) {
  for (const std::string& text : {
           std::string(),
           std::string("0::/\n"),
           std::string("0::/user.slice/user-0.slice/session-1.scope\n"),
           "0::/system.slice/" + kId.substr(1) + "\n",
           "0::/system.slice/a" + kId + "\n",
           "0::/system.slice/docker-" + kId.substr(0, 63) + "g.scope\n",
           "0::/system.slice/crio-conmon-" + kId + ".scope\n",
           "0::/machine.slice/libpod-conmon-" + kId + ".scope\n",
           "0::/docker/" + kId + ".mount\n",
       }) {
    EXPECT_EQ(container_id(text), "") << text;
  }
}

}  // namespace
}  // namespace loopstall::host
