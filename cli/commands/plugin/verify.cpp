#include "cli/commands/plugin/verify.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/command_tree.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "core/crypto/dsse.hpp"
#include "core/package/package.hpp"
#include "core/package/trust/key_file.hpp"

namespace ccp::cli {
namespace {

using plugin::Channel;
using plugin::TrustedKey;
using plugin::TrustStore;

struct Options {
  std::string folder;
  std::string key;
  bool server = false;
  std::string channel = "prod";
  std::string operator_key;
};

/// The steps as they were taken, for people and programs.
class Report {
 public:
  void ok(const char* step, const std::string& detail) { add(step, "ok", detail); }
  void skipped(const char* step, const std::string& detail) { add(step, "skipped", detail); }
  void failed(const char* step, const std::string& detail, int exit = kCheckFailed) {
    add(step, "failed", detail);
    exit_ = exit;
  }
  void set(const char* name, Json value) { facts_.set(name, std::move(value)); }
  int show(const Context& context) {
    if (context.json) {
      facts_.set("ok", exit_ == kOk);
      facts_.set("steps", steps_);
      context.emit(facts_);
      return exit_;
    }
    for (const auto& step : steps_.items()) {
      const auto result = step.strOr("result");
      const std::string padded = result + std::string(9 - result.size(), ' ');
      const auto name = step.strOr("step");
      say(context, (result == "ok"       ? context.good(padded)
                    : result == "failed" ? context.bad(padded)
                                         : context.dim(padded)) +
                       name + std::string(14 - name.size(), ' ') +
                       printable(step.strOr("detail")));
    }
    return exit_;
  }

 private:
  void add(const char* step, const char* result, const std::string& detail) {
    steps_.push(Json::object({{"step", step}, {"result", result}, {"detail", detail}}));
  }
  Json facts_ = Json::object();
  Json steps_ = Json::array();
  int exit_ = kOk;
};

/// Who is trusted for this run, and how that is said.
struct Judge {
  TrustStore trust;
  std::vector<TrustedKey> keys;
  std::vector<std::string> kids;
  std::string name;
};

Outcome<Judge> vendorOnly() {
  CLI_TRY(const auto vendor, TrustStore::vendorOfThisBuild());
  return Judge{TrustStore(vendor), {}, {vendor.thumbprint()}, "the vendor key of this ccp"};
}

/// One key for everything: whether it signed these bytes. What it may be granted is the operator's
/// matter.
Outcome<Judge> oneKey(const std::string& path, const std::string& id) {
  CLI_TRY(const auto named, plugin::readPublicKey(path));
  const std::string name = "the key of " + path;
  if (id.starts_with(plugin::kVendorPrefix))
    return Judge{TrustStore(named.key), {}, {named.key.thumbprint()}, name};
  CLI_TRY(const auto vendor, TrustStore::vendorOfThisBuild());
  TrustedKey key;
  key.key = named.key;
  key.title = named.title;
  key.prefixes = {id.substr(0, id.find('.') + 1)};
  key.channels = {Channel::dev, Channel::prod};
  key.grants = plugin::Grants::everything();
  return Judge{TrustStore(vendor, {key}), {key}, {key.kid(), vendor.thumbprint()}, name};
}

Outcome<Judge> ofServer(const Context& context, const Options& options) {
  CLI_TRY(const auto answer,
          operatorCall(context, options.operator_key, "GET", "/v1/admin/plugins/trust"));
  CLI_TRY(const auto vendor, TrustStore::vendorOfThisBuild());
  Judge out{TrustStore(vendor), {}, {vendor.thumbprint()}, "the server's trust store"};
  if (answer["vendor"].strOr("kid") != vendor.thumbprint())
    return failed(Errc::conflict, "This ccp and the server come from different builds: their vendor keys differ.",
                  "Use the ccp of the server's release.");
  for (const auto& item : answer["keys"].items()) {
    Json body = Json::object({{"public_key", item["public_key"]}});
    for (const char* name : {"title", "prefixes", "channels", "grants", "expires_at"})
      body.set(name, item[name]);
    CLI_TRY(auto key, plugin::parseTrustedKey(body));
    if (const auto at = item.optStr("revoked_at")) {
      CLI_TRY(key.revoked_at, parseRfc3339(*at));
    }
    key.revoked_reason = item.strOr("revoked_reason");
    out.kids.push_back(key.kid());
    out.keys.push_back(std::move(key));
  }
  out.trust = TrustStore(vendor, out.keys);
  return out;
}

/// 3 when nobody here knows a key that signed, 5 when its time is over, else 1.
int exitOfSignature(const Judge& judge, const std::optional<std::string_view>& envelope,
                    Timestamp now) {
  if (!envelope) return kUndecided;
  const auto parsed = crypto::parseDsse(*envelope);
  if (!parsed) return kCheckFailed;
  bool known = false;
  for (const auto& signature : parsed->signatures) {
    known = known || std::find(judge.kids.begin(), judge.kids.end(), signature.keyid) !=
                         judge.kids.end();
    for (const auto& key : judge.keys)
      if (key.kid() == signature.keyid && std::string_view(key.state(now)) == "expired")
        return kStale;
  }
  return known ? kCheckFailed : kUndecided;
}

void checkIsolation(Report& report, const plugin::Package& package) {
  const auto decided =
      plugin::decideIsolation(package.manifest, package.trust, package.inproc, "");
  if (!decided) {
    report.failed("isolation", decided.error().detail);
    return;
  }
  const bool inproc = *decided == plugin::Isolation::inproc;
  report.set("isolation", inproc ? "inproc" : "process");
  report.ok("isolation", inproc ? "runs inside ccpd unless configured otherwise"
                                : "runs in a process of its own unless configured otherwise");
}

/// The steps of the load pipeline that need no server's state; each only after the one before.
Outcome<int> run(const Context& context, const Options& options) {
  Report report;
  const Channel channel = options.channel == "dev" ? Channel::dev : Channel::prod;
  const Timestamp now = context.clock.now();
  report.set("folder", options.folder);
  const auto reader = plugin::PackageReader::open(options.folder);
  if (!reader) {
    report.failed("files", reader.error().detail);
    return report.show(context);
  }
  report.ok("files", "owner and mode are safe");
  const auto claims = parseJson(reader->manifestText(), {256 * 1024, 32});
  const std::string id = claims ? claims->strOr("id") : "";
  CLI_TRY(const auto judge, options.server        ? ofServer(context, options)
                            : options.key.empty() ? vendorOnly()
                                                  : oneKey(options.key, id));
  auto verified = reader->verify(judge.trust, channel, now);
  if (!verified) {
    report.failed("signature", verified.error().detail,
                  exitOfSignature(judge, reader->envelope(), now));
    return report.show(context);
  }
  report.set("plugin", verified->manifest.id);
  report.set("version", verified->manifest.version);
  report.set("trust", verified->trust);
  report.ok("signature", verified->manifest.id + " " + verified->manifest.version +
                             (verified->trust == "unsigned"
                                  ? " is not signed; dev mode loads it all the same"
                                  : " is signed by " + verified->signer + ", says " + judge.name));
  if (options.server)
    report.ok("grants", "everything that it asks for is granted to its key");
  else
    report.skipped("grants", "what a server grants its key: see --trust-of-server");
  const auto package = reader->readFiles(std::move(*verified));
  if (!package) {
    report.failed("hashes", package.error().detail);
    return report.show(context);
  }
  report.ok("hashes", std::to_string(package->manifest.files.size()) + " files are as signed");
  if (const auto compatible = plugin::checkCompatible(package->manifest, now); !compatible) {
    const bool over = package->manifest.expires_at && now >= *package->manifest.expires_at;
    report.failed("compatible", compatible.error().detail, over ? kStale : kCheckFailed);
    return report.show(context);
  }
  report.ok("compatible", "with ccpd " CCP_VERSION);
  checkIsolation(report, *package);
  const std::string folder = plugin::folderOf(package->manifest.id);
  report.set("install_as", folder);
  const int exit = report.show(context);
  if (exit == kOk)
    hint(context, "A server finds it as " + folder + " below its plugin_dir. Code was not run: see "
                  "`ccp plugin check`.");
  return exit;
}

}  // namespace

void addPluginVerify(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      plugin, "verify", "Check a package as a server would before it loads it",
      [options](const Context& c) { return run(c, *options); },
      "Runs no code of the plugin. Exit code 1: something is wrong with the package; 3: not signed, "
      "or by a key\n"
      "that nobody here knows; 5: its key or the plugin has expired.\n\n"
      "  ccp plugin verify build/plugins/pager --key acme.key.pub    as its author\n"
      "  ccp plugin verify /opt/ccp/plugins/acme_pager --trust-of-server    as its operator");
  option(app, "folder", options->folder, "Folder of the package").required();
  auto key =
      option(app, "--key", options->key, "Public key that must have signed it (else the vendor's)")
          .typeName("FILE");
  flag(app, "--trust-of-server", options->server,
       "Judge by the keys and grants of the server (needs the operator key)")
      .excludes(key);
  option(app, "--channel", options->channel, "Mode of the server that is to load it")
      .oneOf({"dev", "prod"})
      .showDefault();
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
