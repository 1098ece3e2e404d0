#include "cli/app.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <optional>

#include "cli/billing_commands.hpp"
#include "cli/command_tree.hpp"
#include "cli/commands/account.hpp"
#include "cli/commands/admin.hpp"
#include "cli/commands/billing/webhooks.hpp"
#include "cli/commands/doctor.hpp"
#include "cli/commands/usage.hpp"
#include "cli/org_commands.hpp"
#include "cli/plugin_commands.hpp"
#include "cli/policy_commands.hpp"
#include "cli/support/completion.hpp"
#include "cli/support/output.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 ok, 1 a check failed, 2 usage, 3 could not verify, 4 server unreachable, 5 "
    "stale or expired,\n"
    "6 not logged in, 7 denied by plan or role. Everywhere: --json for programs, NO_COLOR, "
    "CCP_SERVER,\n"
    "CCP_CONFIG_DIR, CCP_CA_FILE. `ccp help COMMAND` tells more about one command.";

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

/// The XDG base directories; a named folder holds everything. An error when there is no home.
Status findFolders(Context& context, const Globals& globals) {
  const auto named =
      globals.config_dir.empty() ? variable("CCP_CONFIG_DIR") : std::optional(globals.config_dir);
  if (named) {
    context.config_dir = context.data_dir = *named;
    return {};
  }
  const auto home = variable("HOME");
  const auto place = [&](const char* name, const char* below) -> Result<std::string> {
    // A relative path is to be ignored, says the XDG specification.
    if (const auto set = variable(name); set && set->front() == '/') return *set + "/ccp";
    if (!home)
      return fail(Errc::usage_error, std::string("Neither ") + name +
                                         " nor HOME is set; name a folder with --config-dir.");
    return *home + below + "/ccp";
  };
  CCP_TRY(context.config_dir, place("XDG_CONFIG_HOME", "/.config"));
  CCP_TRY(context.data_dir, place("XDG_DATA_HOME", "/.local/share"));
  return {};
}

/// The one command line of a run: the tree, and the options of the commands that stand here.
class CommandLine {
 public:
  CommandLine() : tree_("ccp", "Log in, see your plan, import usage and send it.") {
    root_.footer(kExitCodes);
    root_.add_flag("--version", version_, "Show the version");
    addAccount();
    addOrgCommands(tree_);
    addUsage();
    addPluginCommands(tree_);
    addPolicyCommands(tree_);
    addBillingCommands(tree_);
    addAdmin();
    addSelf();
  }

  void parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());
    root_.parse(arguments);
  }

  CommandTree& tree() noexcept { return tree_; }
  bool wantsVersion() const noexcept { return version_; }

 private:
  CLI::App& group(CLI::App& parent, const char* name, const char* help) {
    return tree_.group(parent, name, help);
  }
  CLI::App& command(CLI::App& parent, const char* name, const char* help, CommandTree::Run run,
                    const char* more = "") {
    return tree_.command(parent, name, help, std::move(run), more);
  }

  void addAccount();
  void addUsage();
  void addAdmin();
  void addAdminExports(CLI::App& admin);
  void addSelf();
  Outcome<int> help(const Context& context);
  CommandNode node(const CLI::App& app) const;

  CommandTree tree_;
  CLI::App& root_ = tree_.root();
  bool version_ = false;
  LoginOptions login_;
  LogoutOptions logout_;
  StatusOptions status_;
  UpgradeOptions upgrade_;
  ImportOptions import_;
  UsageOptions usage_;
  ExportOptions export_;
  SampleOptions sample_;
  AdminOptions admin_;
  std::string export_instance_, export_stream_;
  std::string catalog_file_;
  std::string org_, org_name_, owner_, reason_, shell_;
  std::vector<std::string> help_for_;
};

void CommandLine::addAccount() {
  auto& login = command(
      root_, "login", "Log in with a code that you approve in a browser",
      [this](const Context& c) { return exitOf(runLogin(c, login_)); },
      "Makes this machine's device key (it never leaves it), shows a code to approve in any "
      "browser, and stores\n"
      "the session and a license pack that verifies offline. With --json the code comes as a line "
      "of its own.\n\n"
      "  ccp login --server https://ccp.acme.dev    the first time\n  ccp login --no-browser       "
      "              on a machine without a display");
  login.add_flag("--no-browser", login_.no_browser, "Do not open a browser");
  login
      .add_option("--root-key", login_.root_key,
                  "File with the vendor's root key as JWK (else CCP_ROOT_KEY, else pinned at the "
                  "first login)")
      ->type_name("FILE");

  auto& logout = command(
      root_, "logout", "End the session of this machine, or of another device",
      [this](const Context& c) { return exitOf(runLogout(c, logout_)); },
      "  ccp logout                  this machine\n  ccp logout --device dev_…   another device of "
      "yours, by its id");
  logout.add_option("--device", logout_.device, "Another device of yours, by id")->type_name("ID");

  command(root_, "whoami", "Show who is logged in, and where",
          [](const Context& c) { return exitOf(runWhoami(c)); });
  auto& status = command(
      root_, "status", "Show plan, features, expiry and last sync",
      [this](const Context& c) { return exitOf(runStatus(c, status_)); },
      "Without the server it shows what the signed pack proves, and exits with 5 once the pack has "
      "expired.\n\n"
      "  ccp status --offline --json    from the pack alone, for scripts");
  status.add_flag("--offline", status_.offline, "Do not ask the server");
  command(
      root_, "doctor", "Check everything and say what to do",
      [](const Context& c) { return exitOf(runDoctor(c)); },
      "Each line is ok, warn or fail, with the next step. The exit code is 1 when a check failed.");
  command(root_, "plan", "Show the plans, their prices, and yours",
          [](const Context& c) { return exitOf(runPlan(c)); });
  auto& upgrade = command(
      root_, "upgrade", "Buy a plan, or change the one that runs",
      [this](const Context& c) { return exitOf(runUpgrade(c, upgrade_)); },
      "Owners and admins only. PRICE is an id that `ccp plan` shows. A first purchase opens the checkout page "
      "and waits\nuntil the plan is active; a running subscription is changed at its provider at once.\n\n"
      "  ccp upgrade solo-month\n  ccp upgrade team-month --quantity 8 --no-browser");
  upgrade.add_option("price", upgrade_.price, "Price id, as `ccp plan` shows it");
  upgrade.add_option("--quantity", upgrade_.quantity, "Seats to pay for (else 1, or as many as now)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  upgrade.add_option("--proration", upgrade_.proration, "Of a change, when the difference is billed: now, next_period or none")
      ->check(CLI::IsMember({"now", "next_period", "none"}))
      ->capture_default_str();
  upgrade.add_flag("--no-browser", upgrade_.no_browser, "Do not open a browser");
  upgrade.add_flag("--no-wait", upgrade_.no_wait, "Do not wait for the payment");
  upgrade.add_option("--timeout", upgrade_.timeout_s, "How long to wait, in seconds")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
}

void CommandLine::addUsage() {
  auto& import = command(
      root_, "import", "Read Claude Code transcripts into the local usage store",
      [this](const Context& c) { return runImport(c, import_); },
      "Reads every *.jsonl below DIR (below DIR/projects when there is one): counts and token "
      "numbers only, never\n"
      "prompts or answers. Without DIR it reads CLAUDE_CONFIG_DIR, or ~/.config/claude and "
      "~/.claude. One API\n"
      "response counts once, however many lines and files repeat it; unchanged files are not read "
      "again.\n\n"
      "  ccp import                        the usual places\n  ccp import ~/backup/claude --json   "
      "a folder, summary as JSON");
  import.add_option("dir", import_.folders, "Folders with transcripts");
  import.add_flag("--all", import_.all, "Read files again that did not change");

  auto& usage = command(
      root_, "usage", "Show imported usage per day and model",
      [this](const Context& c) { return runUsage(c, usage_); },
      "Reads the local store only. A cost is shown only where the transcripts state one for every "
      "response of a\n"
      "line: it is never estimated.\n\n  ccp usage --by model --since 7d                      the "
      "last seven days\n"
      "  ccp usage --by day --timezone Europe/Berlin --csv    for a spreadsheet");
  usage.add_option("--by", usage_.by, "One line per day, per model, or both")
      ->check(CLI::IsMember({"day", "model", "both"}))
      ->capture_default_str();
  usage
      .add_option("--since", usage_.since,
                  "First day: 2026-11-21, 20261121, today, or 7d (days back)")
      ->type_name("DAY");
  usage.add_option("--until", usage_.until, "Last day, inclusive")->type_name("DAY");
  usage
      .add_option("--timezone", usage_.timezone,
                  "Zone that days are cut in: an IANA name, or local")
      ->type_name("ZONE")
      ->capture_default_str();
  usage.add_flag("--csv", usage_.csv, "CSV instead of a table");

  auto& exports = group(root_, "export", "Send usage to the server");
  auto& rollups = command(
      exports, "rollups", "Send hourly sums of the imported usage",
      [this](const Context& c) { return runExportRollups(c, export_); },
      "Sends one block per hour (UTC), model and lane: counts and token numbers, never content. "
      "What the server has\n"
      "acknowledged is not sent again; an hour whose numbers changed is sent with its next "
      "revision. It may be\n"
      "interrupted at any time. Exit code 1 means that the server refused some blocks.\n\n"
      "  ccp export rollups\n  ccp export rollups --since 7d --dry-run    what would be sent");
  rollups.add_option("--since", export_.since, "Only hours from this day (UTC) on")
      ->type_name("DAY");
  rollups.add_flag("--dry-run", export_.dry_run, "Only say what would be sent");
  rollups.add_flag("--replace", export_.replace,
                   "Send hours again that the server refused as conflicting");

  auto& dev = group(root_, "dev", "For people who develop CCP");
  dev.group("");  // not in the overview
  auto& sample = command(
      dev, "sample-transcripts", "Write made-up transcripts in the format of Claude Code",
      [this](const Context& c) { return runSampleTranscripts(c, sample_); },
      "The same seed, days and time give the same files.\n\n  ccp dev sample-transcripts sample "
      "--days 8    then: ccp import sample");
  sample.add_option("dir", sample_.folder, "Where to write")->required();
  sample.add_option("--days", sample_.days, "How many days, up to now")
      ->check(CLI::Range(1, 400))
      ->capture_default_str();
  sample.add_option("--now", sample_.now, "End at this time (RFC 3339) instead of now")
      ->type_name("TIME");
  sample.add_option("--seed", sample_.seed, "Another sample")->capture_default_str();
}

void CommandLine::addAdmin() {
  auto& admin = group(root_, "admin", "Operate a server (needs the operator key)");
  const auto key = [this](CLI::App& app) {
    CommandTree::addOperatorKey(app, admin_.operator_key);
  };
  auto& org = group(admin, "org", "Organizations");
  auto& create = command(
      org, "create", "Create an organization with its first owner",
      [this](const Context& c) { return exitOf(runAdminOrgCreate(c, admin_, org_name_, owner_)); },
      "  ccp admin org create 'Acme Inc' --owner ada@acme.dev    then ada logs in");
  create.add_option("name", org_name_, "Name of the organization")->required();
  create.add_option("--owner", owner_, "Who owns it")->type_name("EMAIL")->required();
  key(create);
  key(command(org, "list", "List organizations with plan and license state",
              [this](const Context& c) { return exitOf(runAdminOrgList(c, admin_)); }));

  auto& license = group(admin, "license", "Licenses of organizations");
  auto& show = command(license, "show", "Show an organization's license", [this](const Context& c) {
    return exitOf(runAdminLicenseShow(c, admin_, org_));
  });
  show.add_option("org", org_, "Id of the organization")->required();
  key(show);
  const std::pair<const char*, const char*> actions[] = {
      {"suspend", "Suspend a license until it is resumed"},
      {"resume", "Take back a suspension or revocation"},
      {"revoke", "Revoke a license: every client stops"}};
  for (const auto& [name, help] : actions) {
    auto& action = command(license, name, help, [this, word = std::string(name)](const Context& c) {
      return exitOf(runAdminLicense(c, admin_, word, org_, reason_));
    });
    action.add_option("org", org_, "Id of the organization")->required();
    action.add_option("--reason", reason_, "Why; it goes to the audit log")
        ->type_name("TEXT")
        ->required(std::string(name) != "resume");
    key(action);
  }
  addAdminExports(admin);
  addAdminWebhooks(tree_, admin);
  auto& plans = group(admin, "plans", "The plan catalog");
  auto& diff = command(
      plans, "diff", "Show what a changed catalog does to existing customers",
      [this](const Context& c) { return runAdminPlansDiff(c, admin_, catalog_file_); },
      "Without --file: the catalog as it lies on the server's disk, which a reload would apply. Exit code 1 when a\n"
      "reload would refuse it, because running subscriptions use what it drops.\n\n"
      "  ccp admin plans diff --file new-plans.yaml");
  diff.add_option("--file", catalog_file_, "A catalog (YAML) to compare with the running one")->type_name("FILE");
  key(diff);
  key(command(
      admin, "reload", "Apply the server's configuration as it is on disk",
      [this](const Context& c) { return exitOf(runAdminReload(c, admin_)); },
      "All of it or nothing; what takes effect at the next start only is named."));
}

void CommandLine::addAdminExports(CLI::App& admin) {
  auto& exports = group(admin, "exports", "What leaves for other systems through exporter plugins");
  const auto key = [this](CLI::App& app) { CommandTree::addOperatorKey(app, admin_.operator_key); };
  const auto lane = [this](CLI::App& app) {
    app.add_option("instance", export_instance_, "Name of the exporter instance")->required();
    app.add_option("stream", export_stream_, "events or rollups")->required();
  };
  key(command(
      exports, "list", "Show what every exporter has taken and what waits for it",
      [this](const Context& c) { return runAdminExportsList(c, admin_); },
      "  Exit code 1 when a stream is paused or failing."));
  auto& retry = command(exports, "retry", "Send now, also what was paused", [this](const Context& c) {
    return exitOf(runAdminExportsRetry(c, admin_, export_instance_, export_stream_));
  });
  lane(retry);
  key(retry);
  auto& discard = command(exports, "discard", "Drop what is queued for an exporter", [this](const Context& c) {
    return exitOf(runAdminExportsDiscard(c, admin_, export_instance_, export_stream_, reason_));
  });
  lane(discard);
  discard.add_option("--reason", reason_, "Why; it goes to the audit log")->type_name("TEXT")->required();
  key(discard);
}

void CommandLine::addSelf() {
  auto& completion = command(
      root_, "completion", "Print a completion script for your shell",
      [this](const Context& c) -> Outcome<int> {
        c.out << completionScript(node(root_), shell_) << std::flush;
        return kOk;
      },
      "  source <(ccp completion bash)      in ~/.bashrc\n  source <(ccp completion zsh)       in "
      "~/.zshrc\n  ccp completion fish | source       in config.fish");
  completion.add_option("shell", shell_, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command(root_, "version", "Show the version", [](const Context& c) -> Outcome<int> {
    if (c.json) c.emit(Json::object({{"name", "ccp"}, {"version", CCP_VERSION}}));
    say(c, "ccp " CCP_VERSION);
    return kOk;
  });
  auto& help_command = command(root_, "help", "Show all commands, or how to use one",
                               [this](const Context& c) { return help(c); });
  help_command.add_option("command", help_for_, "A command");
}

Outcome<int> CommandLine::help(const Context& context) {
  // A tree that parsed nothing: CLI11 answers for the command that was parsed, which is this one.
  const CommandLine fresh;
  const CLI::App* at = &fresh.root_;
  for (const auto& word : help_for_) {
    const auto below =
        at->get_subcommands([&word](const CLI::App* app) { return app->get_name() == word; });
    if (below.empty())
      return failed(Errc::usage_error, "There is no command \"" + printable(word) + "\".",
                    "See `" + fresh.tree_.helpCommandOf(at) + "`.");
    at = below.front();
  }
  context.out << fresh.tree_.helpOf(at) << std::flush;
  return kOk;
}

CommandNode CommandLine::node(const CLI::App& app) const {
  CommandNode out{app.get_name(), app.get_description(), {}, {}};
  for (const auto* option : app.get_options()) {
    // Of the options of every command, completion needs one copy: the root's.
    if (option->get_lnames().empty() || (&app != &root_ && option->get_group() == "Everywhere"))
      continue;
    out.options.emplace_back("--" + option->get_lnames().front(), option->get_description());
  }
  for (const auto* below :
       app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); }))
    out.commands.push_back(node(*below));
  return out;
}

void print(const Context& context, const Failure& failure) {
  if (failure.reported) return;
  if (context.json) {
    context.emit(failure.json());
    return;
  }
  context.err << "Error: " << printable(failure.detail) << "\n  Code: " << failure.code;
  if (!failure.request_id.empty())
    context.err << " (request " << printable(failure.request_id) << ")";
  context.err << '\n';
  if (!failure.next_step.empty()) context.err << "  Next: " << printable(failure.next_step) << '\n';
  context.err.flush();
}

/// A word that no command of a group has is what people mistype most.
Failure misused(const CommandTree& tree, const CLI::ParseError& error) {
  const auto* at = tree.chosen();
  std::string detail = error.what();
  if (const auto rest = at->remaining(); tree.runOf(at) == nullptr && !rest.empty() && !rest.front().starts_with('-'))
    detail = "There is no command \"" + rest.front().substr(0, 80) + "\".";
  return Failure(Errc::usage_error, std::move(detail), "See `" + tree.helpCommandOf(at) + "`.");
}

}  // namespace

int runCcp(const Machine& machine, const std::vector<std::string>& arguments) {
  Context context{{},          {},         {},           false,         false,
                  false,       false,      machine.http, machine.clock, machine.random,
                  machine.out, machine.err};
  CommandLine line;
  const auto refuse = [&](const Failure& failure) {
    print(context, failure);
    return failure.exit;
  };
  try {
    line.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    machine.out << line.tree().helpOf(line.tree().chosen()) << std::flush;
    return kOk;
  } catch (const CLI::ParseError& error) {
    context.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    return refuse(misused(line.tree(), error));
  }
  const auto& globals = line.tree().globals();
  context.json = globals.json;
  context.quiet = globals.quiet;
  context.server = globals.server.empty() ? variable("CCP_SERVER").value_or("") : globals.server;
  context.color = machine.out_is_terminal && !variable("NO_COLOR") && variable("TERM") != "dumb";
  context.terminal = machine.err_is_terminal;
  if (line.wantsVersion()) {
    machine.out << "ccp " CCP_VERSION "\n" << std::flush;
    return kOk;
  }
  const auto* run = line.tree().runOf(line.tree().chosen());
  if (run == nullptr) {
    if (context.json)
      return refuse(Failure(Errc::usage_error, "A command is missing.", "See `" + line.tree().helpCommandOf(line.tree().chosen()) + "`."));
    machine.err << line.tree().helpOf(line.tree().chosen()) << std::flush;
    return kUsage;
  }
  if (const auto found = findFolders(context, globals);
      !found && !line.tree().isStandalone(line.tree().chosen()))
    return refuse(Failure(found.error()));
  try {
    const auto outcome = (*run)(context);
    return outcome ? *outcome : refuse(outcome.error());
  } catch (const std::exception& error) {
    Failure failure(Errc::internal, std::string("ccp met a mistake of its own: ") + error.what(),
                    "Please report it with the command that you ran.");
    failure.exit = kUndecided;
    return refuse(failure);
  }
}

}  // namespace ccp::cli
