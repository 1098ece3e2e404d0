// A workshop, its source, a clock and a folder: what tests of the updater begin with.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "policy/distribution/folder_source.hpp"
#include "policy/distribution/updater.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/policy_workshop.hpp"
#include "tests/support/temp_dir.hpp"

namespace ccp::test {

struct PolicyRig {
  std::string folder(policy::Channel channel) const { return dir.path() + "/cache/" + policy::toString(channel); }
  policy::Updater updater(policy::Channel channel = policy::Channel::prod) {
    return policy::Updater({folder(channel), shop.org(), channel, pin, policy::Origin::server}, source, clock);
  }
  template <class T>
  static T must(Result<T> result) {
    REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().text()));
    return std::move(*result);
  }
  /// The first set of the channel, in the cache and running.
  void settle(policy::Updater& updater, policy::Channel channel = policy::Channel::prod) {
    shop.publish(channel, {shop.pack("base", 1)}, clock.now());
    const auto set = must(updater.fetch({}));
    REQUIRE(set.has_value());
    REQUIRE(updater.confirm(*set).has_value());
  }

  TempDir dir = TempDir::inMemory();
  PolicyWorkshop shop;
  WorkshopSource source{shop};
  FakeClock clock{kPolicyStart};
  std::string pin = shop.rootPin();
};

}  // namespace ccp::test
