// Verified sets made by hand, for tests of what comes after verification, and inputs that fit the points.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/encoding.hpp"
#include "policy/distribution/verified_set.hpp"

namespace ccp::test {

inline const Timestamp kPolicyTime = fromUnixSeconds(1'800'000'000);

/// A pack with one file a point.
inline policy::VerifiedPack makePack(const std::string& org, const std::string& name, std::int64_t version,
                                     const std::vector<std::pair<policy::Point, std::string>>& entries) {
  policy::VerifiedPack out;
  auto& document = out.document;
  document.org = org;
  document.name = name;
  document.version = version;
  document.channels = {policy::Channel::dev, policy::Channel::prod};
  document.issued_at = kPolicyTime - hours(1);
  document.expires_at = kPolicyTime + hours(24 * 365);
  std::string all = org + "/" + name + "/" + std::to_string(version);
  int number = 0;
  for (const auto& [point, source] : entries) {
    const std::string path = "file" + std::to_string(number++) + ".lua";
    document.entry[point] = path;
    document.files.emplace_back(path, source);
    all += "\n" + source;
  }
  out.sha256 = sha256Hex(all);
  out.signers = {"ada@example.com"};
  return out;
}

inline policy::VerifiedSet makeSet(const std::string& org, std::int64_t version, std::vector<policy::VerifiedPack> packs,
                                   policy::Channel channel = policy::Channel::dev) {
  policy::VerifiedSet out;
  out.org = org;
  out.channel = channel;
  out.version = version;
  out.issued_at = kPolicyTime - hours(1);
  out.expires_at = kPolicyTime + hours(24);
  out.origin = policy::Origin::server;
  std::string all = org + std::to_string(version);
  for (const auto& pack : packs) all += pack.sha256;
  out.sha256 = sha256Hex(all);
  out.packs = std::move(packs);
  return out;
}

/// An input of model.use without `now`.
inline Json modelInput(const std::string& model = "claude-sonnet-4-5", const std::string& plan = "team") {
  return Json::object({{"org", Json::object({{"id", "org_1"}, {"plan", plan}, {"state", "active"}, {"privacy", "minimized"}})},
                       {"subject", Json::object({{"kind", "user"}, {"role", "member"}})},
                       {"model", model},
                       {"lane", "anthropic"},
                       {"lanes", Json::array({"anthropic", "local"})},
                       {"features", Json::array({"zai_offload"})}});
}

}  // namespace ccp::test
