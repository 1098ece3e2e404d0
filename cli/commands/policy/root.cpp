#include "cli/commands/policy/root.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_files.hpp"
#include "cli/support/server_keys.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "core/package/trust/key_file.hpp"
#include "policy/pack/signing.hpp"

namespace ccp::cli {
namespace {

using policy::RootDocument;

constexpr const char* kServer = "server";
const std::vector<std::string> kPersonRoles{"root", "pack.dev", "pack.prod"};
const std::vector<std::string> kServerRoles{"channel.dev", "channel.prod"};

struct Options {
  std::string file;      // show, rotate, sign
  std::string org = "operator";
  std::vector<std::string> keys, persons, removed, thresholds, sign_with, server_keys;
  std::string operator_key, out, previous;
  std::string life = "365d";
  bool refresh_server = false;
};

bool has(const std::vector<std::string>& list, const std::string& item) { return std::find(list.begin(), list.end(), item) != list.end(); }

void hold(RootDocument& root, const std::string& role, const crypto::PublicKey& key, const std::string& person) {
  const auto id = key.thumbprint();
  root.keys[id] = {key, person};
  auto& ids = root.roles[role].keyids;
  if (!has(ids, id)) ids.push_back(id);
}

std::size_t personsOf(const RootDocument& root, const std::string& role) {
  std::set<std::string> out;
  for (const auto& id : root.roles.at(role).keyids) out.insert(root.keys.at(id).person);
  return out.size();
}

/// "[ROLE=]FILE", and the person of the file or of --person in the same place.
Done addPersons(RootDocument& root, const Options& options) {
  if (!options.persons.empty() && options.persons.size() != options.keys.size())
    return failed(Errc::usage_error, "--person stands once for each --key, in the same order.",
                  "Leave it out where `ccp policy keygen --person` named the person already.");
  for (std::size_t i = 0; i < options.keys.size(); ++i) {
    const auto& text = options.keys[i];
    const auto equals = text.find('=');
    const bool one_role = equals != std::string::npos && has(kPersonRoles, text.substr(0, equals));
    const auto file = one_role ? text.substr(equals + 1) : text;
    CLI_TRY(auto key, readPersonKey(file));
    if (!options.persons.empty()) key.person = options.persons[i];
    if (key.person.empty())
      return failed(Errc::usage_error, file + " does not say whose key it is.", "Give --person NAME for each --key.");
    if (key.person == kServer) return failed(Errc::usage_error, "\"server\" names the server's own keys.", "Name the person.");
    const auto known = root.keys.find(key.key.thumbprint());
    if (known != root.keys.end() && known->second.person != key.person)
      return failed(Errc::usage_error, file + " is listed as the key of " + known->second.person + ".", "A key has one person.");
    for (const auto& role : kPersonRoles) {
      if (!one_role || role == text.substr(0, equals)) hold(root, role, key.key, key.person);
    }
  }
  return {};
}

/// "ROLE=N"
Done setThresholds(RootDocument& root, const Options& options) {
  for (const auto& text : options.thresholds) {
    const auto equals = text.find('=');
    const auto role = text.substr(0, equals);
    const auto digits = equals == std::string::npos ? "" : text.substr(equals + 1);
    const bool number = !digits.empty() && digits.size() <= 2 && std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!has(policy::rootRoles(), role) || !number || std::stoi(digits) < 1)
      return failed(Errc::usage_error, "--threshold " + text + " is not ROLE=NUMBER.", "For example --threshold pack.prod=2.");
    root.roles[role].threshold = std::stoi(digits);
  }
  return {};
}

void setServerKeys(RootDocument& root, const std::vector<crypto::PublicKey>& keys) {
  for (const auto& role : kServerRoles) {
    root.roles[role] = {};
    for (const auto& key : keys) hold(root, role, key, kServer);
  }
}

/// Keys that no role names are left out.
void dropUnused(RootDocument& root) {
  std::erase_if(root.keys, [&](const auto& item) {
    return std::none_of(root.roles.begin(), root.roles.end(), [&](const auto& role) { return has(role.second.keyids, item.first); });
  });
}

Outcome<std::vector<crypto::SigningKey>> signingKeys(const std::vector<std::string>& files) {
  std::vector<crypto::SigningKey> out;
  for (const auto& file : files) {
    CLI_TRY(auto key, plugin::readSigningKey(file));
    out.push_back(std::move(key));
  }
  return out;
}

Json rootJson(const RootFile& file, const std::vector<std::pair<std::string, RoleState>>& states) {
  Json roles = Json::object(), keys = Json::object(), signatures = Json::object();
  for (const auto& [name, role] : file.root.roles) {
    roles.set(name, Json::object({{"keyids", listOf(role.keyids)}, {"threshold", role.threshold}}));
  }
  for (const auto& [id, key] : file.root.keys) keys.set(id, Json::object({{"person", key.person}, {"public_key", key.key.jwk()}}));
  bool complete = true;
  for (const auto& [name, state] : states) {
    signatures.set(name, state.json());
    complete = complete && state.signers.met();
  }
  return Json::object({{"org", file.root.org},
                       {"version", file.root.version},
                       {"sha256", file.sha256},
                       {"issued_at", formatRfc3339(file.root.issued_at)},
                       {"expires_at", formatRfc3339(file.root.expires_at)},
                       {"roles", roles},
                       {"keys", keys},
                       {"signatures", signatures},
                       {"complete", complete}});
}

/// The root and who has signed it. Exit code 3 while signatures are missing.
Outcome<int> present(const Context& context, const RootFile& file, const std::optional<RootFile>& previous, const std::string& path) {
  std::vector<std::pair<std::string, RoleState>> states;
  if (previous) {
    CLI_TRY(auto old, roleState(previous->root, "root", policy::kPayloadRoot, file.envelope));
    states.emplace_back("version " + std::to_string(previous->root.version), std::move(old));
  }
  CLI_TRY(auto own, roleState(file.root, "root", policy::kPayloadRoot, file.envelope));
  states.emplace_back("version " + std::to_string(file.root.version), std::move(own));
  const bool complete = std::all_of(states.begin(), states.end(), [](const auto& state) { return state.second.signers.met(); });
  if (context.json) {
    auto shown = rootJson(file, states);
    shown.set("file", path);
    context.emit(shown);
    return complete ? kOk : kUndecided;
  }
  say(context, context.bold("Root " + std::to_string(file.root.version)) + " of " + file.root.org + ", expires " +
                   formatRfc3339(file.root.expires_at) + ": " + path);
  for (const auto& [name, role] : file.root.roles) {
    std::set<std::string> persons;
    for (const auto& id : role.keyids) persons.insert(file.root.keys.at(id).person);
    say(context, "  " + name + std::string(14 - name.size(), ' ') + std::to_string(role.threshold) + " of " +
                     printable(joined({persons.begin(), persons.end()})));
  }
  for (const auto& [name, state] : states)
    say(context, "  signed for " + name + ": " + (state.signers.met() ? context.good(printable(state.text())) : context.bad(printable(state.text()))));
  if (complete && file.root.version == 1) say(context, "  policy.root_sha256: " + file.sha256);
  if (personsOf(file.root, "pack.prod") == 1) hint(context, "One person alone can change prod.");
  if (!complete)
    hint(context, "Next: ccp policy root sign " + path + " --key K" + (previous ? " --previous FILE" : "") +
                      (file.root.version == 1 ? ". Its sha256, which is pinned, stands when all have signed." : "."));
  else
    hint(context, "Next: ccp policy root push " + path);
  return complete ? kOk : kUndecided;
}

Outcome<int> finish(const Context& context, const Options& options, RootDocument root, const std::optional<RootFile>& previous) {
  dropUnused(root);
  const auto text = policy::toText(root);
  if (const auto valid = policy::parseRoot(text); !valid)
    return failed(Errc::usage_error, "This makes no valid root: " + valid.error().detail,
                  "Give more keys with --key, or lower a --threshold.");
  CLI_TRY(const auto keys, signingKeys(options.sign_with));
  if (keys.empty())
    return failed(Errc::usage_error, "A root is signed by those who keep it.", "Give --sign-with KEY, once for each key that is here.");
  std::vector<const crypto::SigningKey*> pointers;
  for (const auto& key : keys) pointers.push_back(&key);
  const auto envelope = crypto::signDsse(policy::kPayloadRoot, text, pointers);
  const std::string path = options.out.empty() ? "root-" + std::to_string(root.version) + ".json" : options.out;
  if (fileExists(path)) return failed(Errc::already_exists, path + " exists already.", "Name another file with --out.");
  // Without a newline: the digest of exactly these bytes is what others pin.
  CLI_CHECK(writeFileAtomic(path, envelope, 0644));
  return present(context, {envelope, root, sha256Hex(envelope)}, previous, path);
}

Done setLife(RootDocument& root, const Context& context, const Options& options) {
  CLI_TRY(const auto life, parseDuration(options.life));
  root.issued_at = std::chrono::floor<std::chrono::seconds>(context.clock.now());
  root.expires_at = root.issued_at + life;
  return {};
}

Outcome<int> init(const Context& context, const Options& options) {
  RootDocument root;
  root.org = options.org;
  root.version = 1;
  CLI_CHECK(setLife(root, context, options));
  CLI_CHECK(addPersons(root, options));
  if (root.keys.empty())
    return failed(Errc::usage_error, "Who keeps this root?", "Make keys with `ccp policy keygen`, and give --key FILE.pub for each.");
  CLI_TRY(const auto server, serverKeys(context, options.server_keys, options.operator_key));
  setServerKeys(root, server);
  // Two people where there are two: one alone shall not change what is live.
  for (const char* role : {"root", "pack.prod"}) root.roles[role].threshold = std::min<int>(2, static_cast<int>(personsOf(root, role)));
  CLI_CHECK(setThresholds(root, options));
  return finish(context, options, std::move(root), std::nullopt);
}

/// Keys are named by id or by person.
Done removeKeys(RootDocument& root, const Options& options) {
  for (const auto& text : options.removed) {
    bool found = false;
    for (auto& [name, role] : root.roles) {
      if (has(kServerRoles, name)) continue;
      found = std::erase_if(role.keyids, [&](const auto& id) { return id == text || root.keys.at(id).person == text; }) > 0 || found;
    }
    if (!found) return failed(Errc::not_found, "The root has no key or person \"" + text + "\".", "See `ccp policy root show`.");
  }
  return {};
}

Outcome<int> rotate(const Context& context, const Options& options) {
  CLI_TRY(auto before, readRootFile(options.file));
  RootDocument root = before.root;
  ++root.version;
  CLI_CHECK(setLife(root, context, options));
  CLI_CHECK(removeKeys(root, options));
  CLI_CHECK(addPersons(root, options));
  if (options.refresh_server || !options.server_keys.empty()) {
    CLI_TRY(const auto server, serverKeys(context, options.server_keys, options.operator_key));
    setServerKeys(root, server);
  }
  CLI_CHECK(setThresholds(root, options));
  return finish(context, options, std::move(root), std::move(before));
}

Outcome<std::optional<RootFile>> previousOf(const Options& options, const RootFile& file) {
  if (options.previous.empty()) return std::optional<RootFile>();
  CLI_TRY(auto previous, readRootFile(options.previous));
  if (previous.root.version + 1 != file.root.version || previous.root.org != file.root.org)
    return failed(Errc::policy_root_order, options.previous + " is not the root before " + options.file + ".");
  return std::optional(std::move(previous));
}

Outcome<int> sign(const Context& context, const Options& options) {
  CLI_TRY(auto file, readRootFile(options.file));
  CLI_TRY(const auto previous, previousOf(options, file));
  CLI_TRY(const auto keys, signingKeys(options.sign_with));
  const auto listed = [](const RootDocument& root, const std::string& id) { return has(root.roles.at("root").keyids, id); };
  for (const auto& key : keys) {
    const auto id = key.publicKey().thumbprint();
    if (!listed(file.root, id) && !(previous && listed(previous->root, id)) && (previous || file.root.version == 1))
      return failed(Errc::policy_signature_invalid, "The key " + id + " does not keep this root" + (previous ? " or the one before." : "."));
    CLI_TRY(file.envelope, policy::addSignature(file.envelope, key));
  }
  CLI_CHECK(writeFileAtomic(options.file, file.envelope, 0644));
  file.sha256 = sha256Hex(file.envelope);
  return present(context, file, previous, options.file);
}

Outcome<int> show(const Context& context, const Options& options) {
  CLI_TRY(const auto file, readRootFile(options.file));
  CLI_TRY(const auto previous, previousOf(options, file));
  return present(context, file, previous, options.file);
}

void addMaking(CLI::App& app, const std::shared_ptr<Options>& options) {
  option(app, "--key", options->keys, "Public key that keeps the root and signs packs; ROLE= for one role (root, pack.dev, pack.prod)")
      .typeName("[ROLE=]FILE");
  option(app, "--person", options->persons, "Who holds the key, where its file does not say").typeName("NAME");
  option(app, "--threshold", options->thresholds, "How many people a role needs").typeName("ROLE=N");
  option(app, "--server-key", options->server_keys, "Answer of GET /v1/policy/keys, instead of asking the server").typeName("FILE");
  option(app, "--sign-with", options->sign_with, "Private key that signs it now").typeName("FILE");
  option(app, "--life", options->life, "How long it is good for").typeName("TIME").showDefault();
  option(app, "--out", options->out, "Where to write it (root-VERSION.json)").typeName("FILE");
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace

CLI::App& addPolicyRoot(CommandTree& tree, CLI::App& policy) {
  auto& root = tree.group(policy, "root", "Who may sign policies, and the change of their keys");
  const auto made = std::make_shared<Options>();
  auto& initial = tree.command(
      root, "init", "Make the first root of a set of policies", [made](const Context& c) { return init(c, *made); },
      "Lists who keeps the root and who signs packs, and the server's key for the channels. With two "
      "people or more,\n"
      "root and prod need two of them. Servers and clients pin its sha256 (policy.root_sha256).\n\n"
      "  ccp policy root init --key ada.key.pub --key bob.key.pub --sign-with ada.key --sign-with bob.key");
  option(initial, "--org", made->org, "operator, or an organization's id").typeName("ORG").showDefault();
  addMaking(initial, made);

  const auto rotated = std::make_shared<Options>();
  auto& next = tree.command(
      root, "rotate", "Make the next root: other people, other keys, a longer life", [rotated](const Context& c) { return rotate(c, *rotated); },
      "The new root is signed by those who keep the old one and by those who keep the new one.\n\n"
      "  ccp policy root rotate root-1.json --remove bob@example.com --key cyd.key.pub --sign-with ada.key\n"
      "  ccp policy root rotate root-1.json --server-keys --sign-with ada.key    after the server changed its key");
  option(next, "root", rotated->file, "The newest root").typeName("FILE").required();
  option(next, "--remove", rotated->removed, "Key id or person to leave out").typeName("WHO");
  flag(next, "--server-keys", rotated->refresh_server, "Take over the keys that the server has now");
  addMaking(next, rotated);

  const auto signed_now = std::make_shared<Options>();
  auto& signing = tree.command(
      root, "sign", "Add a signature to a root", [signed_now](const Context& c) { return sign(c, *signed_now); },
      "Look at it first: ccp policy root show. Exit code 3 while signatures are missing.\n\n"
      "  ccp policy root sign root-2.json --previous root-1.json --key bob.key");
  option(signing, "root", signed_now->file, "The root to sign").typeName("FILE").required();
  option(signing, "--key", signed_now->sign_with, "Private key, from `ccp policy keygen`").typeName("FILE").required();
  option(signing, "--previous", signed_now->previous, "The root before it, whose people sign as well").typeName("FILE");

  const auto shown = std::make_shared<Options>();
  auto& showing = tree.command(
      root, "show", "Show a root: who may sign what, who has signed it, its sha256", [shown](const Context& c) { return show(c, *shown); },
      "Exit code 3 while signatures are missing.\n\n"
      "  ccp policy root show root-2.json --previous root-1.json");
  option(showing, "root", shown->file, "The root").typeName("FILE").required();
  option(showing, "--previous", shown->previous, "The root before it, whose people sign as well").typeName("FILE");
  return root;
}

}  // namespace ccp::cli
