#include "cli/commands/plugin/inspect.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/commands/plugin/instance_view.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"
#include "core/crypto/dsse.hpp"
#include "core/package/package.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key;
  std::string what;
};

std::string twoDigits(const Json& value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value.asDouble().value_or(0));
  return text.data();
}

// --- an instance of a server ------------------------------------------------------------------

void showInstance(const Context& context, const Json& plugin) {
  context.out << context.bold(printable(plugin.strOr("name"))) << "  " << printable(plugin.strOr("plugin")) << " " << printable(plugin.strOr("version"))
              << "  " << stateText(context, plugin.strOr("state")) << "\n";
  showFact(context, "detail", printable(plugin.strOr("detail")));
  showFact(context, "signed by", trustText(plugin.strOr("trust")));
  if (const auto problem = plugin.strOr("trust_problem"); !problem.empty()) showFact(context, "", context.bad(printable(problem)));
  showFact(context, "sha256", printable(plugin.strOr("sha256")));
  showFact(context, "serves since", printable(plugin.strOr("since")));
  const Json& process = plugin["process"];
  showFact(context, "runs in", process.isNull() ? std::string("ccpd") :
                                                   (process["pid"].isInt() ? "process " + std::to_string(process.intOr("pid")) : "no process now") + ", " + countText(process.intOr("restarts"), "restart") +
                                                       ", breaker " + printable(process.strOr("breaker", "closed")) +
                                                       (process.find("rss_bytes") ? ", " + bytesText(process.intOr("rss_bytes")) : ""));
  showFact(context, "confined by", printable(process.strOr("confinement")));
  showFact(context, "calls now", withThousands(plugin.intOr("in_flight")) +
                                     (plugin.intOr("abandoned") > 0 ? ", " + withThousands(plugin.intOr("abandoned")) + " overran and have not returned" : ""));
  showManifest(context, plugin["manifest"]);
  const Json& more = plugin["egress"];
  if (!more["origins"].empty())
    showFact(context, "egress added", listText(more["origins"]) + (more.boolOr("private_addresses") ? " (private addresses too)" : ""));
  if (plugin["operations"].empty()) return;
  TextTable table({{"Operation"}, {"Calls", Align::right}, {"Errors", Align::right}, {"Mean ms", Align::right}, {"Max ms", Align::right}});
  for (const auto& operation : plugin["operations"].items()) {
    table.row({printable(operation.strOr("operation")), withThousands(operation.intOr("calls")), withThousands(operation.intOr("errors")),
               twoDigits(operation["mean_ms"]), twoDigits(operation["max_ms"])});
  }
  context.out << "\n" << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
}

Outcome<int> inspectInstance(const Context& context, const Options& options) {
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "GET", "/v1/admin/plugins/" + urlEncode(options.what)));
  context.json ? context.emit(answer) : showInstance(context, answer["plugin"]);
  return kOk;
}

// --- a package on disk ------------------------------------------------------------------------

struct Finding {
  bool well;
  std::string text;
};

/// Who signed and whether it verifies, as far as this program can know: the vendor's key is built in, the
/// keys that an operator trusts are in the server.
Finding signatureOf(const plugin::PackageReader& package, const plugin::Manifest& manifest, Timestamp now) {
  const auto envelope = package.envelope();
  if (!envelope) return {false, "not signed: only dev mode loads it. Sign it with `ccp plugin sign`"};
  const auto parsed = crypto::parseDsse(*envelope);
  if (!parsed) return {false, "the signature cannot be read: " + parsed.error().detail};
  if (parsed->payload != package.manifestText()) return {false, "the signature is of another manifest: sign the package again"};
  if (manifest.id.starts_with(plugin::kVendorPrefix)) {
    const auto store = plugin::TrustStore::ofThisBuild();
    const auto verified = store ? package.verify(*store, plugin::Channel::prod, now) : fail(store.error());
    return verified ? Finding{true, "signed by the vendor"} : Finding{false, verified.error().detail};
  }
  std::string keys;
  for (const auto& signature : parsed->signatures) keys += (keys.empty() ? "" : ", ") + printable(signature.keyid);
  return {true, "signed by key " + keys + "; whether a server trusts it, `ccp plugin trust list` tells"};
}

/// Reads and checks; runs nothing of the plugin.
Outcome<int> inspectPackage(const Context& context, const Options& options) {
  namespace fs = std::filesystem;
  fs::path folder = fs::path(options.what).lexically_normal();
  std::string library;
  if (!fs::is_directory(folder)) {
    library = folder.filename().string();
    folder = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  }
  if (!fs::exists(folder / "plugin.json"))
    return failed(Errc::plugin_refused, folder.string() + " has no plugin.json, so nobody can tell what this is.",
                  "A package is a folder with plugin.json, its signature and the library; `ccp plugin new` makes one.");
  CLI_TRY(const auto package, plugin::PackageReader::open(folder.string()));
  CLI_TRY(const auto manifest, plugin::parseManifest(package.manifestText()));
  std::vector<Finding> findings{signatureOf(package, manifest, context.clock.now())};
  if (!library.empty() && library != manifest.library)
    findings.push_back({false, library + " does not belong to this package; its library is " + manifest.library});
  plugin::Verified unverified;
  unverified.manifest = manifest;
  if (const auto files = package.readFiles(unverified)) {
    findings.push_back({true, countText(static_cast<std::int64_t>(manifest.files.size()), "file") + " as the manifest says"});
  } else {
    findings.push_back({false, files.error().detail});
  }
  if (const auto fits = plugin::checkCompatible(manifest, context.clock.now()); !fits) {
    findings.push_back({false, fits.error().detail});
  } else {
    findings.push_back({true, "fits ccpd " CCP_VERSION});
  }
  bool well = true;
  Json list = Json::array();
  for (const auto& finding : findings) {
    well = well && finding.well;
    list.push(Json::object({{"level", finding.well ? "ok" : "fail"}, {"text", finding.text}}));
  }
  Json facts = plugin::manifestFacts(manifest);
  if (context.json) {
    Json files = Json::object();
    for (const auto& [path, hash] : manifest.files) files.set(path, hash);
    context.emit(Json::object({{"folder", folder.string()}, {"manifest", std::move(facts)}, {"files", std::move(files)}, {"findings", std::move(list)}}));
    return well ? kOk : kCheckFailed;
  }
  context.out << context.bold(manifest.id) << "  " << manifest.version << "  " << printable(folder.string()) << "\n";
  showFact(context, "library", manifest.library + "  sha256:" + manifest.files.at(manifest.library));
  showManifest(context, facts);
  for (const auto& finding : findings) context.out << "  " << (finding.well ? context.good("ok  ") : context.bad("fail")) << "  " << printable(finding.text) << "\n";
  return well ? kOk : kCheckFailed;
}

Outcome<int> run(const Context& context, const Options& options) {
  const bool on_disk = options.what.find('/') != std::string::npos || options.what.ends_with(".so") || options.what == "." || options.what == "..";
  return on_disk ? inspectPackage(context, options) : inspectInstance(context, options);
}

}  // namespace

void addPluginInspect(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      plugin, "inspect", "Everything about one plugin instance, or about a package on disk", [options](const Context& c) { return run(c, *options); },
      "A package is named by its folder or its library, with a slash or .so in the name. It is read and checked\n"
      "here; nothing of it runs. Exit code 1 when a check fails.\n\n"
      "  ccp plugin inspect polar\n"
      "  ccp plugin inspect ./acme_pager");
  option(app, "what", options->what, "Name of an instance, or path of a package or its .so")
      .required();
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
