// SPDX-License-Identifier: Apache-2.0
#include "exposition/flame_json.h"

#include <deque>
#include <map>
#include <utility>

#include "exposition/json_values.h"

namespace loopstall::exposition {
namespace {

// What names and stacks there are, the targets decide.
constexpr std::size_t kMaxNodes = 20'000;

struct Node {
  std::string function;
  std::string file;
  std::string origin;
  uint64_t ns = 0;
  std::map<std::pair<std::string, std::string>, Node*> children;  // by function and file
};

class Tree {
 public:
  void add(const stalls::StallHold& hold) {
    root_.ns += hold.hold_ns;
    Node* node = &root_;
    for (auto frame = hold.stack.frames.rbegin(); frame != hold.stack.frames.rend(); ++frame) {
      node = step(node, frame->function, frame->file, stacks::origin_name(frame->origin));
      if (node == nullptr) return;
      node->ns += hold.hold_ns;
    }
    if (!hold.stack.frames.empty()) return;
    if (Node* named = step(node, hold.function, hold.file, "")) named->ns += hold.hold_ns;
  }

  Json json() const { return json_of(root_); }

 private:
  /// Null when there are too many: the rest of that stack is its parent's.
  Node* step(Node* parent, const std::string& function, const std::string& file,
             std::string_view origin) {
    Node*& child = parent->children[{function, file}];
    if (child != nullptr) return child;
    if (nodes_.size() == kMaxNodes) {
      parent->children.erase({function, file});
      return nullptr;
    }
    child = &nodes_.emplace_back(Node{function, file, std::string(origin), 0, {}});
    return child;
  }

  static Json json_of(const Node& node) {
    Json json = {{"name", node.function},
                 {"file", node.file},
                 {"origin", node.origin},
                 {"value", node.ns / 1000},
                 {"children", Json::array()}};
    for (const auto& [name, child] : node.children) json["children"].push_back(json_of(*child));
    return json;
  }

  Node root_{"all stalls", "", "", 0, {}};
  std::deque<Node> nodes_;
};

}  // namespace

std::string flame_json(const stalls::Snapshot& snapshot, const StallFilter& filter) {
  Tree tree;
  const auto records = selected(snapshot, filter);
  for (const stalls::StallRecord* record : records) {
    for (const stalls::StallHold& hold : record->holds) tree.add(hold);
  }
  return dump({{"version", kApiVersion}, {"stalls", records.size()}, {"tree", tree.json()}});
}

}  // namespace loopstall::exposition
