// The whole path of a payment with nothing faked: the sandbox plugin from its signed .so, its
// provider as a program of its own, webhooks over HTTP into the real pipeline.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "core/base/file.hpp"
#include "core/http/pipeline.hpp"
#include "core/http/server.hpp"
#include "core/plugin/plugin_host.hpp"
#include "tests/integration/billing/world.hpp"

extern char** environ;

using namespace ccp;
using namespace ccp::test;

namespace {

constexpr const char* kApiKey = "sandbox-api-key-of-the-tests";
constexpr const char* kSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < until) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return holds();
}

/// ccp-sandbox-provider in a process of its own, on a free port.
class Provider {
 public:
  Provider(const std::string& dir, const std::string& webhook_url) {
    REQUIRE(writeFileAtomic(dir + "/key", kApiKey, 0600));
    REQUIRE(writeFileAtomic(dir + "/secret", kSecret, 0600));
    std::vector<std::string> arguments{CCP_BINARY_DIR "/bin/ccp-sandbox-provider",
                                       "--listen",
                                       "127.0.0.1:0",
                                       "--api-key-file",
                                       dir + "/key",
                                       "--webhook-secret-file",
                                       dir + "/secret",
                                       "--webhook-url",
                                       webhook_url,
                                       "--port-file",
                                       dir + "/port.json",
                                       "--retry-base-ms",
                                       "20"};
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, (dir + "/provider.log").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    const int failed = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(failed == 0);
    const bool serving = eventually([&] {
      const auto text = readFile(dir + "/port.json");
      const auto json = text ? parseJson(*text) : Result<Json>(fail(Errc::io_error));
      if (json) url = json->strOr("url");
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
      return !url.empty() || pid_ < 0;
    });
    if (serving && !url.empty()) return;
    stop();
    FAIL(readFile(dir + "/provider.log").value_or("no log"));
  }
  ~Provider() { stop(); }
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  Json call(const std::string& method, const std::string& path, const Json& body = {}) {
    net::HttpRequest request{
        method, url + path, {{"Authorization", std::string("Bearer ") + kApiKey}}, {}};
    if (!body.isNull()) {
      request.headers.emplace_back("Content-Type", "application/json");
      request.body = body.dump();
    }
    const auto answer = http_.send(request, {});
    REQUIRE(answer);
    INFO(answer->body);
    REQUIRE(answer->status < 300);
    return parseJson(answer->body).value_or(Json());
  }

  std::string url;

 private:
  void stop() const {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  net::PocoHttpClient http_;
  pid_t pid_ = -1;
};

struct Shop {
  explicit Shop(TempDb& env)
      : clock_set(env),
        w(env),
        secrets(w.dir.path(),
                {{"CCP_SECRET_SANDBOX_KEY", kApiKey}, {"CCP_SECRET_SANDBOX_HOOK", kSecret}}) {
    http::ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.threads = 8;
    server = std::make_unique<http::HttpServer>(options, env.metrics);
    const auto address = server->bind();
    REQUIRE(address);
    provider = std::make_unique<Provider>(w.dir.path(), "http://" + *address + "/webhooks/sandbox");

    plugin::PluginHostSettings host_settings;
    host_settings.plugin_dir = CCP_BINARY_DIR "/lib/ccp/plugins";
    host_settings.state_dir = w.dir.path();
    host_settings.dev = true;
    host = std::make_unique<plugin::PluginHost>(env.db(), http_client, secrets, system_clock,
                                                env.random, env.metrics, host_settings);
    // The same library both ways: every test of this file runs twice.
    std::string isolation;
    SUBCASE("plugin in ccpd") { isolation = "inproc"; }
    SUBCASE("plugin in a process of its own") { isolation = "process"; }
    config::PluginInstance instance{
        "sandbox", "ccp.billing-sandbox", isolation, {}, {{provider->url}, true}};
    instance.config =
        Json::object({{"base_url", provider->url},
                      {"api_key", Json::object({{"$secret", "sandbox/key"}})},
                      {"webhook_secret", Json::object({{"$secret", "sandbox/hook"}})}});
    const auto loaded = host->load({instance});
    if (!loaded) FAIL(loaded.error().text());

    w.change([&](config::Settings& settings) {
      settings.plugins = {instance};
      settings.billing.default_instance = "sandbox";
      settings.plans.plans[1].prices[0].providers["sandbox"] = {"", "solo-month"};
      settings.plans.plans[2].prices[0].providers["sandbox"] = {"", "team-month"};
    });
    w.source = &host->billing();
    w.restart();
    pipeline = std::make_unique<http::Pipeline>(
        http::PipelineOptions{},
        http::PipelineDeps{w.router, nullptr, nullptr, env.metrics, env.clock, env.random});
    REQUIRE(server->start(*pipeline));
  }
  ~Shop() {
    provider.reset();
    server->stop(seconds(5));
    w.billing.reset();
    host->stop();
  }

  std::string pay(const billing::CheckoutRow& row) {
    provider->call("POST", "/test/checkouts/" + row.provider_checkout_id + "/pay", Json::object());
    return provider->call("GET", "/v1/checkouts/" + row.provider_checkout_id)
        .strOr("subscription_id");
  }
  bool becomes(const std::string& state) {
    return eventually([&] { return w.state(w.acme) == state; });
  }

  /// The provider signs with the real time, so this world begins now.
  struct Now {
    explicit Now(TempDb& env) { env.clock.advance(SystemClock().now() - env.clock.now()); }
  } clock_set;
  World w;
  config::SecretStore secrets;
  SystemClock system_clock;
  net::PocoHttpClient http_client;
  std::unique_ptr<http::HttpServer> server;
  std::unique_ptr<Provider> provider;
  std::unique_ptr<plugin::PluginHost> host;
  std::unique_ptr<http::Pipeline> pipeline;
};

}  // namespace

BILLING_TEST("sandbox: paying brings the license by webhook, and ending it takes it away") {
  Shop shop(env);
  auto& w = shop.w;
  const auto row = w.checkout(w.acme);
  CHECK(row.url.rfind(shop.provider->url, 0) == 0);
  const auto subscription = shop.pay(row);
  CHECK(shop.becomes("trial"));  // solo-month has 14 days for a first subscription
  CHECK(w.plan(w.acme) == "solo");
  CHECK(w.count("webhook_inbox where state in ('dead', 'parked')") == 0);

  env.clock.advance(seconds(2));
  const auto confirmed = w.billing->checkouts().confirm(row.id, {});
  REQUIRE(confirmed);
  CHECK(confirmed->state == "succeeded");

  const auto portal = w.billing->portal().link(w.acme.buyer(), {});
  REQUIRE(portal);
  CHECK(portal->rfind(shop.provider->url, 0) == 0);

  shop.provider->call("PATCH", "/v1/subscriptions/" + subscription,
                      Json::object({{"revoke", true}}));
  CHECK(shop.becomes("revoked"));
  CHECK(w.plan(w.acme) == "community");
}

BILLING_TEST("sandbox: dropped, doubled and reordered webhooks end where the provider is") {
  Shop shop(env);
  auto& w = shop.w;
  const auto row = w.checkout(w.acme, "team-month", 3);
  shop.provider->call("POST", "/test/webhooks",
                      Json::object({{"drop", 2}, {"duplicate", 3}, {"reorder", 2}}));
  const auto subscription = shop.pay(row);
  for (const int seats : {4, 6, 5}) {
    shop.provider->call("PATCH", "/v1/subscriptions/" + subscription,
                        Json::object({{"quantity", seats}}));
  }
  CHECK(eventually(
      [&] { return shop.provider->call("GET", "/test/webhooks").intOr("pending") == 0; }));
  w.billing->worker().round(true);
  CHECK(w.state(w.acme) == "active");
  CHECK(w.plan(w.acme) == "team");
  CHECK(w.license(w.acme).decision.seats == 5);
  CHECK(w.only(w.acme).dirty == 0);
}

BILLING_TEST("sandbox: a lost webhook is found by the success page") {
  Shop shop(env);
  auto& w = shop.w;
  shop.provider->call("POST", "/test/webhooks", Json::object({{"drop", 100}}));
  const auto row = w.checkout(w.acme, "team-month", 2);
  shop.pay(row);
  CHECK(w.state(w.acme) == "pending");
  env.clock.advance(seconds(2));
  const auto confirmed = w.billing->checkouts().confirm(row.id, {});
  REQUIRE(confirmed);
  CHECK(confirmed->state == "succeeded");
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("sandbox: refund, dispute and failed payment follow the table") {
  Shop shop(env);
  auto& w = shop.w;
  const auto subscription = shop.pay(w.checkout(w.acme, "team-month", 2));
  REQUIRE(shop.becomes("active"));
  SUBCASE("full refund") {
    shop.provider->call(
        "POST", "/v1/refunds",
        Json::object({{"subscription_id", subscription}, {"end_subscription", false}}));
    CHECK(shop.becomes("revoked"));
    CHECK(w.license(w.acme).decision.reason == "refunded");
  }
  SUBCASE("lost dispute") {
    const auto dispute = shop.provider->call("POST", "/test/disputes",
                                             Json::object({{"subscription_id", subscription}}));
    CHECK(eventually([&] { return w.only(w.acme).marks.dispute_opened_at.has_value(); }));
    CHECK(w.state(w.acme) == "active");
    shop.provider->call("POST", "/test/disputes/" + dispute.strOr("id") + "/close",
                        Json::object({{"outcome", "lost"}}));
    CHECK(shop.becomes("revoked"));
  }
  SUBCASE("failed payment, then paid") {
    shop.provider->call("POST", "/test/subscriptions/" + subscription + "/charge",
                        Json::object({{"outcome", "fail"}}));
    CHECK(shop.becomes("grace"));
    shop.provider->call("POST", "/test/subscriptions/" + subscription + "/charge",
                        Json::object({{"outcome", "succeed"}}));
    CHECK(shop.becomes("active"));
  }
}

BILLING_TEST("sandbox: forged signatures are refused, thin events fetched") {
  Shop shop(env);
  auto& w = shop.w;
  shop.provider->call("POST", "/test/webhooks",
                      Json::object({{"bad_signature", 1}, {"thin", true}}));
  shop.pay(w.checkout(w.acme, "team-month", 2));
  CHECK(shop.becomes("active"));
  CHECK(env.metrics.text().find("outcome=\"refused\"") != std::string::npos);
  CHECK(w.count("webhook_inbox where state = 'dead'") == 0);
}
