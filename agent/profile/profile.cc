// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include <map>
#include <tuple>
#include <utility>

namespace loopstall::profile {
namespace {

/// Gives each place its number, in the order of first use.
class Places {
 public:
  std::size_t number(Place place) {
    const auto [known, is_new] = numbers_.emplace(std::move(place), in_order_.size());
    if (is_new) in_order_.push_back(&known->first);
    return known->second;
  }

  std::vector<Place> all() const {
    std::vector<Place> places;
    places.reserve(in_order_.size());
    for (const Place* place : in_order_) places.push_back(*place);
    return places;
  }

 private:
  std::map<Place, std::size_t> numbers_;
  std::vector<const Place*> in_order_;
};

Place place_of(const stacks::Frame& frame) {
  return {frame.function, frame.file, frame.path, frame.line, frame.origin};
}

/// One sample of a service, for each of its stacks.
class Samples {
 public:
  void add(std::size_t service, const stalls::StackTime& time) {
    if (time.ns == 0) return;
    std::vector<std::size_t> places;
    std::size_t blamed = 0;
    if (time.stack != nullptr) {
      const auto& frames = time.stack->stack.frames;
      for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        places.push_back(places_.number(place_of(*frame)));
      }
      const auto culprit = time.stack->attribution.culprit;
      if (culprit && *culprit < places.size()) blamed = places[places.size() - 1 - *culprit];
    }
    const bool is_named = time.stack != nullptr && time.stack->attribution.culprit.has_value();
    if (!is_named) blamed = places_.number({time.function, time.file, {}, 0, {}});
    if (places.empty()) places.push_back(blamed);
    ns_[{service, std::move(places), blamed, time.cause}] += time.ns;
  }

  Profile profile() const {
    Profile profile;
    profile.places = places_.all();
    for (const auto& [key, ns] : ns_) {
      const auto& [service, places, blamed, cause] = key;
      profile.samples.push_back({service, places, blamed, cause, ns});
    }
    return profile;
  }

 private:
  using Key = std::tuple<std::size_t, std::vector<std::size_t>, std::size_t, stalls::Cause>;

  Places places_;
  std::map<Key, uint64_t> ns_;
};

ServiceTime time_of(const stalls::ServiceSnapshot& service) {
  return {service.labels, service.busy_ns, service.idle_ns};
}

}  // namespace

Profile make_profile(const stalls::Snapshot& last,
                     const std::vector<stalls::ServiceStackTimes>& times) {
  std::map<loops::LoopLabels, std::size_t> numbers;
  std::vector<ServiceTime> services;
  for (const stalls::ServiceSnapshot& service : last.services) {
    numbers.emplace(service.labels, services.size());
    services.push_back(time_of(service));
  }
  Samples samples;
  for (const stalls::ServiceStackTimes& service : times) {
    const auto number = numbers.find(service.labels);
    if (number == numbers.end()) continue;
    for (const stalls::StackTime& time : service.times) samples.add(number->second, time);
  }
  Profile profile = samples.profile();
  profile.services = std::move(services);
  return profile;
}

uint64_t busy_ns(const Profile& profile) {
  uint64_t total = 0;
  for (const ServiceTime& service : profile.services) total += stalls::sum(service.busy_ns);
  return total;
}

}  // namespace loopstall::profile
