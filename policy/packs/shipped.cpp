#include "policy/packs/shipped.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/base/encoding.hpp"

namespace ccp::embedded {
std::string_view policyPack(std::string_view name);
const std::vector<std::string_view>& policyPack_names();
}  // namespace ccp::embedded

namespace ccp::policy {
namespace {

/// The files are part of the program: tests hold them, so that a broken one never ships.
Json jsonOf(std::string_view path) {
  auto json = parseJson(embedded::policyPack(path));
  if (!json) throw std::logic_error(std::string(path) + ": " + json.error().text());
  return std::move(*json);
}

Point pointOf(std::string_view name) {
  const auto point = pointFromName(name);
  if (!point) throw std::logic_error("no such decision point: " + std::string(name));
  return *point;
}

void addTests(PackDocument& pack, std::string_view path) {
  const auto list = jsonOf(path);
  for (const auto& test : list.items()) {
    pack.tests.push_back({test.strOr("name"), pointOf(test.strOr("point")), test["input"], test["expect"], false});
  }
}

PackDocument readPack() {
  const auto manifest = jsonOf("pack.json");
  PackDocument pack;
  pack.org = std::string(kOperatorSet);
  pack.name = manifest.strOr("name");
  pack.version = manifest.intOr("version");
  pack.channels = {Channel::dev, Channel::prod};
  for (const auto& [name, path] : manifest["entry"].members()) pack.entry[pointOf(name)] = *path.asString();
  for (const auto& [name, value] : manifest["class"].members())
    pack.classes[pointOf(name)] = *value.asString() == "advisory" ? PointClass::advisory : PointClass::enforce;
  for (const auto& pointer : manifest["log_mask"].items()) pack.log_mask.push_back(*pointer.asString());
  auto names = embedded::policyPack_names();
  std::sort(names.begin(), names.end());
  for (const auto name : names) {
    if (name.starts_with("tests/"))
      addTests(pack, name);
    else if (name.starts_with("data/"))
      pack.data.set(name.substr(5, name.size() - 10), jsonOf(name));
    else if (name.ends_with(".lua"))
      pack.files.emplace_back(std::string(name), std::string(embedded::policyPack(name)));
  }
  pack.expires_at = fromUnixSeconds(253'402'300'799);  // never: the program vouches for it
  return pack;
}

}  // namespace

const VerifiedSet& shippedSet() {
  static const VerifiedSet set = [] {
    VerifiedSet out;
    out.org = std::string(kOperatorSet);
    out.origin = Origin::builtin;
    VerifiedPack pack;
    pack.document = readPack();
    out.expires_at = pack.document.expires_at;
    std::string bytes;
    for (const auto name : embedded::policyPack_names()) bytes += std::string(name) + '\n' + std::string(embedded::policyPack(name)) + '\n';
    pack.sha256 = sha256Hex(bytes);
    out.packs.push_back(std::move(pack));
    return out;
  }();
  return set;
}

}  // namespace ccp::policy
