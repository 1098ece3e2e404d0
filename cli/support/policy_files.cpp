#include "cli/support/policy_files.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/base/file.hpp"
#include "core/package/trust/key_file.hpp"
#include "policy/pack/signing.hpp"

namespace ccp::cli {

Outcome<RootFile> readRootFile(const std::string& path) {
  CLI_TRY(auto text, readFile(path, kPolicyFileBytes));
  const auto opened = policy::peek(text);
  if (!opened) return failed(opened.error().code, path + ": " + opened.error().detail);
  if (opened->payload_type != policy::kPayloadRoot)
    return failed(Errc::policy_wrong_type, path + " is no policy root but a signed document of the type " +
                                               opened->payload_type.substr(0, 100) + ".",
                  "Give the file that `ccp policy root init` wrote.");
  auto root = policy::parseRoot(opened->payload);
  if (!root) return failed(root.error().code, path + ": " + root.error().detail);
  auto sha256 = sha256Hex(text);
  return RootFile{std::move(text), std::move(*root), std::move(sha256)};
}

Outcome<PersonKey> readPersonKey(const std::string& path) {
  CLI_TRY(auto named, plugin::readPublicKey(path));
  return PersonKey{named.key, std::move(named.title)};
}

int RoleState::missing() const {
  return std::max(0, signers.threshold - static_cast<int>(signers.persons.size()));
}

Json RoleState::json() const {
  return Json::object({{"signers", listOf(signers.persons)},
                       {"threshold", signers.threshold},
                       {"missing", missing()},
                       {"could_sign", listOf(could_sign)},
                       {"unknown_keys", listOf(signers.unknown_keys)}});
}

std::string RoleState::text() const {
  std::string out = signers.persons.empty() ? "nobody" : joined(signers.persons);
  out += " (" + std::to_string(signers.persons.size()) + " of " + std::to_string(signers.threshold);
  if (missing() > 0)
    out += "; still needed: " + std::to_string(missing()) + " of " + joined(could_sign);
  return out + ")";
}

Outcome<RoleState> roleState(const policy::RootDocument& root, const std::string& role,
                             std::string_view payload_type, std::string_view envelope) {
  CLI_TRY(auto signers, policy::signersOf(root, role, payload_type, envelope));
  std::set<std::string> others;
  for (const auto& id : root.roles.at(role).keyids) others.insert(root.keys.at(id).person);
  for (const auto& person : signers.persons) others.erase(person);
  return RoleState{std::move(signers), {others.begin(), others.end()}};
}

Done keyIsOutside(const std::string& key, const std::string& folder) {
  std::error_code bad;
  const auto inside = std::filesystem::weakly_canonical(key, bad).lexically_relative(
      std::filesystem::weakly_canonical(folder, bad));
  if (!bad && !inside.empty() && *inside.begin() != "..")
    return failed(Errc::usage_error, "The private key lies inside of the pack.",
                  "Move it out of " + folder + ": packs are given away.");
  return {};
}

Json listOf(const std::vector<std::string>& items) {
  Json out = Json::array();
  for (const auto& item : items) out.push(item);
  return out;
}

std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

}  // namespace ccp::cli
