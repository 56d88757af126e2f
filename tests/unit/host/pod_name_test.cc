// SPDX-License-Identifier: Apache-2.0
#include "host/pod_name.h"

#include <gtest/gtest.h>

#include <string>

namespace loopstall::host {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kUid = "3b0e4b1c-58d5-4a35-9d4e-0a1b2c3d4e5f";
const std::string kOtherUid = "11111111-2222-3333-4444-555555555555";
const PodName kWeb{"prod", "shop-7d9f-x2x", "web"};

TEST(PodOfLogLink, HasAllNames) {
  EXPECT_EQ(pod_of_log_link("shop-7d9f-x2x_prod_web-" + kId + ".log", kId), kWeb);
  EXPECT_EQ(pod_of_log_link("a.b_c_my-side-car-" + kId + ".log", kId),
            (PodName{"c", "a.b", "my-side-car"}));
}

TEST(PodOfLogLink, MayHaveACutId) {
  const std::string pod(150, 'p');
  const std::string start = pod + "_prod_" + std::string(30, 'c') + "-";
  std::string name = (start + kId).substr(0, 251) + ".log";
  ASSERT_EQ(name.size(), 255u);
  EXPECT_EQ(pod_of_log_link(name, kId), (PodName{"prod", pod, std::string(30, 'c')}));
  name[220] = name[220] == '0' ? '1' : '0';
  EXPECT_EQ(pod_of_log_link(name, kId), std::nullopt);
  EXPECT_EQ(pod_of_log_link("p_prod_web-" + kId.substr(0, 40) + ".log", kId), std::nullopt)
      << "a short name is not cut";
}

TEST(PodOfLogLink, OthersAreNone) {
  const std::string dash_id = "-" + kId + ".log";
  for (const std::string& name : {
           std::string(),
           std::string(".log"),
           "shop_prod_web-" + kId,
           "shop_prod_web-" + std::string(64, 'a') + ".log",
           "shop_prod" + dash_id,
           "shop__web" + dash_id,
           "_prod_web" + dash_id,
           "shop_prod_" + dash_id,
           "shop_prod_we_b" + dash_id,
           "sh\"op_prod_web" + dash_id,
           "sh\nop_prod_web" + dash_id,
           "<b>_prod_web" + dash_id,
           "Shop_prod_web" + dash_id,
           "shop\xff_prod_web" + dash_id,
           std::string(300, 'p') + "_prod_web" + dash_id,
           "shop_" + std::string(64, 'n') + "_web" + dash_id,
       }) {
    EXPECT_EQ(pod_of_log_link(name, kId), std::nullopt) << name;
  }
  EXPECT_EQ(pod_of_log_link("shop_prod_web-.log", ""), std::nullopt);
}

TEST(PodOfLogFolder, HasNamespaceAndPod) {
  EXPECT_EQ(pod_of_log_folder("prod_shop-7d9f-x2x_" + kUid, kUid),
            (PodName{"prod", "shop-7d9f-x2x", ""}));
  for (const std::string& name :
       {std::string(), "prod_shop_" + kOtherUid, "prod_" + kUid, "prod_shop_x_" + kUid,
        "pr od_shop_" + kUid, "prod__" + kUid, "prod_shop_" + kUid + "_"}) {
    EXPECT_EQ(pod_of_log_folder(name, kUid), std::nullopt) << name;
  }
  EXPECT_EQ(pod_of_log_folder("prod_shop_", ""), std::nullopt);
}

std::string mount(const std::string& source, const std::string& place) {
  return "715 698 254:1 " + source + " " + place + " rw,relatime - ext4 /dev/root rw\n";
}

TEST(KubeletMount, IsTheSourceOfTheTerminationLog) {
  const std::string root = "698 530 0:61 / / rw,relatime - overlay overlay rw,lowerdir=/a\n";
  const KubeletMount web{kUid, "web"};
  for (const std::string start :
       {"/var/lib/kubelet", "", "/var/snap/microk8s/common/var/lib/kubelet"}) {
    const std::string log = start + "/pods/" + kUid + "/containers/web/5d9c1b7a";
    for (const std::string& source : {log, log + "//deleted"}) {
      const std::string text = root + mount(source, "/dev/termination-log");
      EXPECT_EQ(kubelet_mount(text, ""), web) << source;
      EXPECT_EQ(kubelet_mount(text, kUid), web) << source;
    }
  }
}

TEST(KubeletMount, AnotherPodsFoldersDoNotCount) {
  const std::string foreign =
      mount("/var/lib/kubelet/pods/" + kOtherUid + "/containers/db/1f", "/spy") +
      mount("/var/lib/kubelet/pods/" + kOtherUid + "/containers/db/1f", "/dev/termination-log");
  const std::string own = mount("/var/lib/kubelet/pods/" + kUid + "/containers/web/2e", "/last");
  EXPECT_EQ(kubelet_mount(foreign + own, kUid), (KubeletMount{kUid, "web"}));
  EXPECT_EQ(kubelet_mount(foreign, kUid), std::nullopt);
  EXPECT_EQ(kubelet_mount(own, ""), std::nullopt) << "only the place says that it is its own";
}

TEST(KubeletMount, GarbageIsNone) {
  for (const std::string& source :
       {std::string(), std::string("/"), std::string("/pods"),
        std::string("/pods//containers/web/1"), "/pods/" + kUid + "/containers/we\"b/1",
        "/pods/" + kUid + "/containers//1", "/pods/" + kUid + "/volumes/web/1",
        "/x/" + kUid + "/containers/web/1"}) {
    EXPECT_EQ(kubelet_mount(mount(source, "/dev/termination-log"), ""), std::nullopt) << source;
  }
  EXPECT_EQ(kubelet_mount("", ""), std::nullopt);
  EXPECT_EQ(kubelet_mount(std::string(70'000, '\n') +
                              mount("/pods/" + kUid + "/containers/web/1", "/dev/termination-log"),
                          ""),
            std::nullopt);
}

TEST(NamespaceOfResolvConf, IsTheFirstServiceDomains) {
  EXPECT_EQ(namespace_of_resolv_conf("nameserver 10.96.0.10\nsearch prod.svc.cluster.local "
                                     "svc.cluster.local cluster.local\noptions ndots:5\n"),
            "prod");
  EXPECT_EQ(namespace_of_resolv_conf("search corp.example prod.svc.cluster.local\n"), "prod");
  for (const char* text : {"", "search svc.cluster.local\n", "search example.com\n",
                           "search PROD.svc.x\n", "nameserver prod.svc.x\n", "search .svc.x\n"}) {
    EXPECT_EQ(namespace_of_resolv_conf(text), std::nullopt) << text;
  }
}

TEST(DnsName, IsRfc1123) {
  EXPECT_TRUE(is_dns_label("a"));
  EXPECT_TRUE(is_dns_label(std::string(63, 'a')));
  for (const std::string& text : {std::string(), std::string(64, 'a'), std::string("-a"),
                                  std::string("a-"), std::string("a.b"), std::string("A")}) {
    EXPECT_FALSE(is_dns_label(text)) << text;
  }
  EXPECT_TRUE(is_dns_subdomain("web-0.shop"));
  EXPECT_TRUE(is_dns_subdomain(std::string(253, 'a')));
  for (const std::string& text : {std::string(), std::string(254, 'a'), std::string("a..b"),
                                  std::string(".a"), std::string("a."), std::string("a_b")}) {
    EXPECT_FALSE(is_dns_subdomain(text)) << text;
  }
}

}  // namespace
}  // namespace loopstall::host
