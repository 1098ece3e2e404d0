// A changed configuration reaches the running server: by SIGHUP, by the watch, by an operator.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "core/app/wiring.hpp"
#include "core/base/file.hpp"
#include "core/base/log.hpp"
#include "tests/integration/app/ccpd_process.hpp"

using namespace ccp;
using test::CcpdProcess;
using test::devYaml;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

std::string withInterval(const std::string& dir, int interval, const std::string& more = {}) {
  return devYaml(dir, "", "plugins: [{name: device, plugin: ccp.auth-deviceflow, config: {interval_s: " + std::to_string(interval) + "}}]\n" + more);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t out = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++out;
  return out;
}

/// The log has `what` at least `times`; waits for it.
bool logged(const CcpdProcess& ccpd, const std::string& what, std::size_t times = 1) {
  for (int i = 0; i < 1000; ++i) {
    if (count(ccpd.output(), what) >= times) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

/// The interval that the device plugin answers with: which configuration serves.
std::int64_t interval(const CcpdProcess& ccpd) {
  net::PocoHttpClient client;
  const auto answer = client.send({"POST", ccpd.publicUrl() + "/oauth/device_authorization", {{"Content-Type", "application/x-www-form-urlencoded"}}, "client_id=ccp-cli"}, {});
  REQUIRE(answer);
  REQUIRE_MESSAGE(answer->status == 200, answer->body);
  return parseJson(answer->body)->intOr("interval");
}

Json operatorGet(const CcpdProcess& ccpd, const std::string& dir, const std::string& path) {
  auto key = readFile(dir + "/state/operator.key").value();
  key.pop_back();
  return *parseJson(ccpd.get(ccpd.publicUrl() + path, {{"Authorization", "Bearer " + key}}).body);
}

constexpr const char* kReloaded = "\"event\":\"config.reloaded\"";
constexpr const char* kRefused = "\"event\":\"config.refused\"";

/// A started node in this process, whose files the test changes.
struct Node {
  explicit Node(const std::string& yaml) {
    log::setSink([](std::string_view) {});
    write(yaml);
    auto settings = config::loadSettings(path(), {});
    REQUIRE_MESSAGE(settings, (settings ? "" : settings.error().text()));
    graph.emplace(std::move(*settings));
    app::planStart(steps, *graph);
    const auto started = steps.start();
    REQUIRE_MESSAGE(started, (started ? "" : started.error().text()));
  }
  ~Node() {
    steps.stop();
    log::setSink({});
  }
  std::string path() const { return dir.path() + "/ccp.yaml"; }
  void write(const std::string& more) const {
    REQUIRE(writeFileAtomic(path(), "mode: dev\nreload: {watch: false}\nserver: {listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\nstate_dir: " +
                                        dir.path() + "/state\n" + more));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& info : graph->plugins->list()) out.push_back(info.name);
    return out;
  }
  std::string doctor() const {
    const Json parts = graph->admin->doctor();
    for (const auto& part : parts.items()) {
      if (part.strOr("part") == "configuration") return part.dump();
    }
    return {};
  }
  TempDir dir;
  std::optional<app::Graph> graph;
  app::Steps steps;
};

std::string plugins(const std::string& list, const std::string& sells = {}) {
  return "plugins: [" + list + "]\n" + (sells.empty() ? "" : "billing: {default: " + sells + "}\n");
}
std::string sandbox(const std::string& name, int port = 1) {
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  return "{name: " + name + ", plugin: ccp.billing-sandbox, egress: [\"" + url + "\"], egress_private: true, config: {base_url: \"" + url +
         "\", api_key: {$secret: sandbox/key}, webhook_secret: {$secret: sandbox/hook}}}";
}

/// The sandbox's secrets, in the environment of this process for as long as it lives.
struct Secrets {
  Secrets() {
    ::setenv("CCP_SECRET_SANDBOX_KEY", "k", 1);
    ::setenv("CCP_SECRET_SANDBOX_HOOK", "whsec_aG9vaw==", 1);
  }
  ~Secrets() {
    ::unsetenv("CCP_SECRET_SANDBOX_KEY");
    ::unsetenv("CCP_SECRET_SANDBOX_HOOK");
  }
};

}  // namespace

TEST_CASE("SIGHUP applies a changed configuration to the running server") {
  const TempDir dir;
  const std::string quiet = "reload: {watch: false}\n";
  CcpdProcess ccpd(dir.path(), withInterval(dir.path(), 7, quiet));
  REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());
  CHECK(interval(ccpd) == 7);
  REQUIRE(writeFileAtomic(dir.path() + "/ccp.yaml", withInterval(dir.path(), 8, quiet)));
  std::this_thread::sleep_for(milliseconds(2500));
  CHECK(interval(ccpd) == 7);  // nobody watches
  ccpd.signal(SIGHUP);
  REQUIRE_MESSAGE(logged(ccpd, kReloaded), ccpd.output());
  CHECK(interval(ccpd) == 8);
  const Json plugin = operatorGet(ccpd, dir.path(), "/v1/admin/plugins")["plugins"].items().at(0);
  CHECK(plugin.strOr("state") == "ready");
  std::vector<std::string> actions;
  const Json audit = operatorGet(ccpd, dir.path(), "/v1/admin/audit");
  for (const auto& row : audit["entries"].items()) actions.push_back(row.strOr("action"));
  CHECK(std::find(actions.begin(), actions.end(), "config.reload") != actions.end());
  CHECK(std::find(actions.begin(), actions.end(), "plugin.swap") != actions.end());
  const auto metrics = ccpd.get(ccpd.adminUrl() + "/metrics").body;
  CHECK(metrics.find("ccp_plugin_swaps_total{instance=\"device\",result=\"ok\"} 1") != std::string::npos);
  CHECK(metrics.find("ccp_config_reloads_total{result=\"ok\"} 1") != std::string::npos);
  ccpd.signal(SIGTERM);
  CHECK(ccpd.wait().exit_code == 0);
}

TEST_CASE("the watch applies a file that is renamed over, and survives files that are broken or half-written") {
  const TempDir dir;
  CcpdProcess ccpd(dir.path(), withInterval(dir.path(), 7));
  REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());
  const std::string path = dir.path() + "/ccp.yaml";

  REQUIRE(writeFileAtomic(path, withInterval(dir.path(), 8)));
  REQUIRE_MESSAGE(logged(ccpd, kReloaded), ccpd.output());
  CHECK(interval(ccpd) == 8);

  REQUIRE(writeFileAtomic(path, "mode: dev\nplugins: [\n"));
  REQUIRE_MESSAGE(logged(ccpd, kRefused, 1), ccpd.output());
  CHECK(interval(ccpd) == 8);

  REQUIRE(writeFileAtomic(path, withInterval(dir.path(), 8, "surver: {}\n")));
  REQUIRE_MESSAGE(logged(ccpd, kRefused, 2), ccpd.output());
  CHECK(ccpd.output().find("ccp.yaml:6:9: /surver is no setting") != std::string::npos);
  CHECK(operatorGet(ccpd, dir.path(), "/v1/admin/doctor").dump().find("ccp.yaml:6:9: /surver is no setting") != std::string::npos);
  CHECK(ccpd.get(ccpd.adminUrl() + "/metrics").body.find("ccp_config_current 0") != std::string::npos);

  // The plugin's own schema refuses it: its pointer is in the text.
  REQUIRE(writeFileAtomic(path, withInterval(dir.path(), 8000)));
  REQUIRE_MESSAGE(logged(ccpd, kRefused, 3), ccpd.output());
  CHECK(ccpd.output().find("plugins[device].config/interval_s") != std::string::npos);
  CHECK(interval(ccpd) == 8);

  REQUIRE(writeFileAtomic(path, withInterval(dir.path(), 9, "usage: {k_safety: 9}\n")));
  REQUIRE_MESSAGE(logged(ccpd, kReloaded, 2), ccpd.output());
  CHECK(interval(ccpd) == 9);
  CHECK(logged(ccpd, "\"settings\":\"usage.k_safety\""));
  CHECK(operatorGet(ccpd, dir.path(), "/v1/admin/doctor").dump().find("next start of ccpd: usage.k_safety") != std::string::npos);
  ccpd.signal(SIGTERM);
  CHECK(ccpd.wait().exit_code == 0);
}

TEST_CASE("the watch follows symbolic links that are switched") {
  const TempDir dir;
  CcpdProcess ccpd(dir.path(), withInterval(dir.path(), 6));
  REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());
  for (const int version : {1, 2}) {
    const std::string folder = dir.path() + "/..v" + std::to_string(version);
    fs::create_directory(folder);
    REQUIRE(writeFileAtomic(folder + "/ccp.yaml", withInterval(dir.path(), 6 + version)));
  }
  // As Kubernetes mounts a config map: the file is a link through ..data, which is what is switched.
  fs::create_directory_symlink("..v1", dir.path() + "/..data");
  fs::create_symlink("..data/ccp.yaml", dir.path() + "/ccp.yaml.new");
  fs::rename(dir.path() + "/ccp.yaml.new", dir.path() + "/ccp.yaml");
  REQUIRE_MESSAGE(logged(ccpd, kReloaded, 1), ccpd.output());
  CHECK(interval(ccpd) == 7);
  fs::create_directory_symlink("..v2", dir.path() + "/..data_tmp");
  fs::rename(dir.path() + "/..data_tmp", dir.path() + "/..data");
  REQUIRE_MESSAGE(logged(ccpd, kReloaded, 2), ccpd.output());
  CHECK(interval(ccpd) == 8);
}

TEST_CASE("instances are added, replaced and removed, and billing.default follows") {
  const Secrets secrets;
  Node node(plugins(sandbox("pay"), "pay"));
  CHECK(node.graph->live->now()->billing.default_instance == "pay");
  node.write(plugins(sandbox("other") + ", " + sandbox("pay"), "other"));
  auto report = node.graph->reloader->reload("operator");
  REQUIRE_MESSAGE(!report.error, report.error->detail);
  CHECK(report.applied == std::vector<std::string>{"billing.default", "plugins"});
  CHECK(node.names() == std::vector<std::string>{"other", "pay"});
  CHECK(node.graph->live->now()->billing.default_instance == "other");

  node.write(plugins(sandbox("other", 2), "other"));
  report = node.graph->reloader->reload("operator");
  REQUIRE_MESSAGE(!report.error, report.error->detail);
  CHECK(report.plugins.size() == 2);
  CHECK(node.names() == std::vector<std::string>{"other"});
  report = node.graph->reloader->reload("operator");
  CHECK(report.plugins.empty());
  CHECK(report.applied.empty());
}

TEST_CASE("a reload that is refused changes nothing at all") {
  const Secrets secrets;
  Node node(plugins(sandbox("pay"), "pay"));
  const auto refused = [&](const std::string& yaml) {
    node.write(yaml);
    const auto report = node.graph->reloader->reload("operator");
    REQUIRE(report.error);
    CHECK(report.applied.empty());
    CHECK(node.names() == std::vector<std::string>{"pay"});
    CHECK(node.graph->live->now()->billing.default_instance == "pay");
    CHECK(node.doctor().find("config_refused") != std::string::npos);
    return report.error->detail;
  };
  SUBCASE("a new instance does not start") {
    const auto text = refused(plugins(sandbox("other") + ", {name: third, plugin: ccp.not-there}", "other"));
    CHECK(text.find("plugins[third]") != std::string::npos);
  }
  SUBCASE("billing.default names a plugin that bills nothing") {
    const auto text = refused(plugins(sandbox("pay") + ", {name: device, plugin: ccp.auth-deviceflow}", "device"));
    CHECK(text.find("\"device\" is no billing instance") != std::string::npos);
  }
  SUBCASE("an instance with subscriptions is removed") {
    auto& db = *node.graph->db;
    REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      CCP_TRY(const auto org, node.graph->identity->directory().createOrg(tx, "Acme", "owner@acme.example", "operator"));
      tx.exec(
          "insert into billing_subscriptions (org_id, id, instance, provider_customer_id, provider_subscription_id, status, plan_id, price_id, privacy, "
          "seats, dirty, refetch_after_at, created_at, updated_at) values (:org, 'sub_1', 'pay', 'c', 's', 'active', 'solo', 'solo-month', 'minimized', "
          "1, 0, 0, 1, 1)",
          {{"org", org.id}});
      return {};
    }));
    const auto text = refused(plugins(sandbox("other"), "other"));
    CHECK(text.find("\"pay\" was removed, but 1 subscription(s) still run there") != std::string::npos);
    // To sell elsewhere is fine.
    node.write(plugins(sandbox("pay") + ", " + sandbox("other"), "other"));
    CHECK_FALSE(node.graph->reloader->reload("operator").error);
    CHECK(node.doctor().find("config_refused") == std::string::npos);
  }
}
