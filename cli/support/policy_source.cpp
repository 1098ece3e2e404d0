#include "cli/support/policy_source.hpp"

#include <filesystem>

#include "cli/support/output.hpp"
#include "cli/support/policy_files.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "policy/packs/shipped.hpp"

namespace ccp::cli {
namespace {

namespace fs = std::filesystem;

Outcome<policy::PackDocument> readEnvelope(const std::string& path, const std::string& text) {
  const auto envelope = crypto::parseDsse(text, kPolicyFileBytes);
  if (!envelope) return failed(envelope.error().code, path + ": " + envelope.error().detail);
  if (envelope->payload_type != policy::kPayloadPack)
    return failed(Errc::policy_wrong_type, path + " holds a signed document of another kind, not a pack.");
  CLI_TRY(auto pack, policy::parsePack(envelope->payload));
  return pack;
}

}  // namespace

std::string allPointNames() {
  std::string out;
  for (const auto& point : policy::allPoints()) out += (out.empty() ? "" : ", ") + std::string(point.name);
  return out;
}

Outcome<std::optional<policy::Point>> readPoint(const std::string& name) {
  if (name.empty()) return std::optional<policy::Point>();
  const auto point = policy::pointFromName(name);
  if (!point)
    return failed(Errc::usage_error, "There is no decision point \"" + printable(name.substr(0, 60)) + "\".", "Points: " + allPointNames() + ".");
  return point;
}

Outcome<PolicySource> readPolicySource(const std::string& path, const std::optional<policy::Point>& point) {
  PolicySource out;
  out.name = path;
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  if (path == "shipped" && !fs::exists(status)) {
    out.pack = policy::shippedSet().packs.front().document;
  } else if (fs::is_directory(status)) {
    auto pack = policy::readPackFolder(path);
    if (!pack && pack.error().code == Errc::not_found)
      return failed(Errc::not_found, path + " is no pack: it has no pack.json.", "Name the folder of a pack; `ccp policy new NAME` writes one.");
    CLI_TRY(out.pack, std::move(pack));
  } else {
    if (!fs::exists(status))
      return failed(Errc::not_found, "There is no " + printable(path) + ".", "Name the folder of a pack, a signed pack, a .lua file, or shipped; `ccp policy new NAME` writes a pack.");
    CLI_TRY(auto text, readFile(path, kPolicyFileBytes));
    const auto first = text.find_first_not_of(" \t\r\n");
    // No Lua program begins with a brace, every envelope does.
    if (first != std::string::npos && text[first] == '{') {
      CLI_TRY(out.pack, readEnvelope(path, text));
    } else {
      out.bare = true;
      out.pack.name = "policy";
      out.pack.version = 1;
      const auto name = fs::path(path).filename().string();
      if (point) out.pack.entry[*point] = name;
      out.pack.files.emplace_back(name, std::move(text));
      return out;
    }
  }
  if (point) {
    const auto entry = out.pack.entry.find(*point);
    if (entry == out.pack.entry.end())
      return failed(Errc::usage_error, path + " does not answer " + std::string(policy::toString(*point)) + ".", "Name one of the points in \"entry\" of its pack.json.");
    const auto kept = entry->second;
    out.pack.entry = {{*point, kept}};
    std::erase_if(out.pack.files, [&](const auto& file) { return file.first != kept; });
    std::erase_if(out.pack.tests, [&](const auto& test) { return test.point != *point; });
  }
  return out;
}

}  // namespace ccp::cli
