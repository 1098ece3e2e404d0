#include "core/app/wiring.hpp"

#include <unistd.h>

#include "core/app/doctor.hpp"
#include "core/app/environment.hpp"
#include "core/app/plugin_guard.hpp"
#include "core/app/policy_wiring.hpp"
#include "core/app/routes.hpp"
#include "core/base/fault.hpp"
#include "core/base/file.hpp"
#include "core/base/log.hpp"
#include "core/plugin/pipeline.hpp"

namespace ccp::usage {
extern const db::MigrationSet kMigrations;
}

namespace ccp::app {

extern const db::MigrationSet kMigrations;

namespace {

// --- floors ----------------------------------------------------------------------------------

Status openState(Graph& g) {
  CCP_TRY(auto state, StateDirectory::open(g.settings.state_dir, g.settings.mode));
  g.state.emplace(std::move(state));
  if (g.settings.dev()) armFaults();
  return {};
}

/// Addresses are taken before anything is built on them: with port 0 only the bound socket knows
/// what public_url is.
Status bindListeners(Graph& g) {
  const auto& server = g.settings.server;
  http::ServerOptions options;
  options.name = "public";
  options.listen = server.listen;
  options.loops = server.loops;
  options.threads = server.threads;
  options.max_queued = server.max_queued;
  options.max_connections = server.max_connections;
  options.max_connections_per_address = server.max_connections_per_address;
  options.max_parked = server.max_connections;
  options.body_budget = server.body_memory;
  options.answer_budget = server.body_memory;
  options.head_timeout = server.header_timeout;
  options.body_timeout = server.body_timeout;
  options.write_timeout = server.write_timeout;
  options.idle_timeout = server.idle_timeout;
  options.min_rate = static_cast<std::size_t>(server.min_bytes_per_second);
  options.clear_text_from_proxies_only = !g.settings.dev();
  g.public_server = std::make_unique<http::HttpServer>(options, g.metrics);
  CCP_TRY(g.public_address, g.public_server->bind());
  // Orchestrators and scrapers: few, and never to be starved by the public.
  http::ServerOptions admin;
  admin.name = "admin";
  admin.listen = server.admin_listen;
  admin.loops = 1;
  admin.threads = 4;
  admin.max_connections = 1000;
  g.admin_server = std::make_unique<http::HttpServer>(admin, g.metrics);
  CCP_TRY(g.admin_address, g.admin_server->bind());
  auto& public_url = g.settings.server.public_url;
  if (public_url.empty() || public_url.ends_with(":0"))
    public_url = (g.settings.server.tls ? "https://" : "http://") + g.public_address;
  return {};
}

Status loadCertificate(Graph& g) {
  if (!g.settings.server.tls) return {};
  g.certificates = std::make_unique<Certificates>(
      Certificates::Deps{*g.settings.server.tls, g.settings.server.public_url, *g.secrets, g.clock, *g.random, g.metrics});
  return g.certificates->load();
}

Status openStore(Graph& g) {
  db::Options options;
  options.url = g.settings.store.url;
  CCP_TRY(g.db, db::Db::open(options, g.clock, *g.random, g.metrics));
  return g.db->migrate({&db::kMigrations, &kMigrations, &plugin::kMigrations, &identity::kMigrations,
                        &licensing::kMigrations, &billing::kMigrations, &usage::kMigrations,
                        &decisions::kMigrations, &policies::kMigrations, &metering::kMigrations,
                        &exports::kMigrations});
}

Status makeMailer(Graph& g) {
  const auto& mail = g.settings.mail;
  if (mail.smtp.empty()) {  // the configuration allows it in dev mode only
    g.mailer = net::makeLogMailer();
    return {};
  }
  net::SmtpOptions options;
  const auto colon = mail.smtp.rfind(':');
  options.host = mail.smtp.substr(0, colon);
  options.port = std::stoi(mail.smtp.substr(colon + 1));
  options.from = mail.from;
  options.user = mail.user;
  options.starttls = mail.starttls;
  options.ca_file = mail.ca_file;
  if (!mail.password_secret.empty()) {
    CCP_TRY(options.password, g.secrets->get(mail.password_secret));
  }
  g.mailer = net::makeSmtpMailer(std::move(options));
  return {};
}

Status loadPlugins(Graph& g) {
  g.plugin_trust = std::make_unique<plugin::TrustAdmin>(*g.db);
  g.plugins =
      std::make_unique<plugin::PluginHost>(*g.db, *g.http_client, *g.secrets, g.clock, *g.random,
                                           g.metrics, plugin::PluginHostSettings::from(g.settings));
  g.plugins->guard(makePluginGuard(*g.runtime, g.settings.mode));
  return g.plugins->load(g.settings.plugins);
}

// --- features --------------------------------------------------------------------------------

Status openFeatures(Graph& g) {
  CCP_TRY(g.licensing, licensing::Feature::open(*g.db, g.clock, *g.random, g.metrics, g.settings));
  g.identity = std::make_unique<identity::Feature>(identity::Feature::Deps{
      *g.db, g.clock, *g.random, g.settings, *g.mailer, g.plugins->identity(),
      g.licensing->seatLimits(), g.licensing->tokenIssuer(), g.licensing->packAssertions()});
  g.licensing->connect(g.identity->directory(), g.identity->replays(), *g.runtime);
  g.usage = std::make_unique<usage::UsageService>(*g.db, g.clock, *g.random,
                                                  g.licensing->licenses(), g.metrics, g.settings,
                                                  *g.runtime);
  g.live.emplace(g.settings);
  g.billing = std::make_unique<billing::Feature>(billing::Feature::Deps{
      *g.db, g.clock, *g.random, g.metrics, *g.live, g.identity->directory(),
      g.licensing->licenses(), g.plugins->billing(), g.mailer.get()});
  CCP_CHECK_OK(g.billing->checkInstances([&g](const std::string& instance) {
    return g.plugins->billing().find(instance).has_value();
  }));
  CCP_CHECK_OK(g.billing->tellUnknownPrices());
  g.metering = std::make_unique<metering::Feature>(
      metering::Reporter::Deps{*g.db, g.clock, *g.random, g.metrics, *g.live, *g.billing, g.plugins->billing()});
  g.exports = std::make_unique<exports::Feature>(exports::Feature::Deps{
      *g.db, g.clock, *g.random, g.metrics, g.licensing->licenses(), g.plugins->exporters()});
  g.decisions->connect(g.licensing->licenses(), &g.exports->decisionTap());
  openPolicySets(g);
  g.reloader = std::make_unique<Reloader>(Reloader::Deps{*g.live, *g.plugins, *g.billing, *g.db,
                                                         g.clock, g.metrics, environment()});
  g.admin =
      std::make_unique<admin::AdminService>(*g.db, g.identity->directory(), g.licensing->licenses(),
                                            g.licensing->keyAdmin(), *g.plugins, *g.plugin_trust, doctorChecks(g));
  return {};
}

void closeFeatures(Graph& g) {
  g.admin.reset();
  g.reloader.reset();
  g.exports.reset();
  g.metering.reset();
  g.billing.reset();
  g.policy_node->stop();
  g.decision_review.reset();
  g.policies.reset();
  g.usage.reset();
  g.identity.reset();
  g.licensing.reset();
}

/// Dev mode only: an organization to try things with, owned by demo@localhost.
Status makeDemoOrganization(Graph& g) {
  constexpr const char* kOwner = "demo@localhost";
  return g.db->write(db::Scope::system(), [&](db::Tx& tx) -> Status {  // there is no org yet
    auto& directory = g.identity->directory();
    if (const auto user = directory.userByEmail(tx, kOwner);
        user && !directory.membershipsOf(tx, user->id).empty())
      return {};
    CCP_TRY([[maybe_unused]] const auto org, directory.createOrg(tx, "Demo Org", kOwner, "system"));
    return {};
  });
}

// --- roof ------------------------------------------------------------------------------------

Status buildRoof(Graph& g) {
  const std::string key_file = g.state->file("operator.key");
  CCP_CHECK_OK(OperatorAuth::prepare(key_file, *g.random));
  g.operators = std::make_unique<OperatorAuth>(key_file, g.clock);
  const std::string introspection_file = g.state->file("introspection.key");
  CCP_CHECK_OK(IntrospectorAuth::prepare(introspection_file, *g.random));
  g.introspectors = std::make_unique<IntrospectorAuth>(introspection_file, g.clock, *g.random,
                                                       g.metrics, g.identity->apiKeys());
  g.authenticator = std::make_unique<CompositeAuthenticator>(
      g.identity->sessions(), g.identity->apiKeys(), g.licensing->authenticator(), *g.operators,
      *g.introspectors);
  CCP_TRY(auto master,
          crypto::MasterKey::load(g.settings.masterKeyFile(), g.settings.dev(), *g.random));
  g.idempotency = std::make_unique<IdempotencyRepository>(*g.db, std::move(master), *g.random);
  addPublicRoutes(g.router, g);
  addAdminListenerRoutes(g.admin_router, g);

  http::PipelineOptions options;
  options.listener = "public";
  options.public_url = g.settings.server.public_url;
  options.max_body = g.settings.server.max_body;
  options.requests_per_second_per_address = g.settings.server.requests_per_second_per_address;
  if (g.settings.server.tls) options.client_certificate_paths = g.settings.server.tls->client_paths;
  CCP_TRY(options.trusted_proxies, http::TrustedProxies::parse(g.settings.server.trusted_proxies));
  g.pipeline = std::make_unique<http::Pipeline>(
      options, http::PipelineDeps{g.router, g.authenticator.get(), g.idempotency.get(), g.metrics,
                                  g.clock, *g.random});
  http::PipelineOptions admin_options;
  admin_options.listener = "admin";
  g.admin_pipeline = std::make_unique<http::Pipeline>(
      admin_options,
      http::PipelineDeps{g.admin_router, nullptr, nullptr, g.metrics, g.clock, *g.random});
  return {};
}

Status startOutbox(Graph& g) {
  g.outbox = std::make_unique<db::OutboxDispatcher>(*g.db, g.clock, g.metrics);
  g.outbox->subscribe("log", {}, [](const db::OutboxEvent& event) -> Status {
    log::info(
        "domain.event",
        {{"type", event.type}, {"id", event.id}, {"org", event.org}, {"subject", event.subject}});
    return {};
  });
  CCP_CHECK_OK(g.exports->subscribe(*g.outbox));
  g.metering->subscribe(*g.outbox);
  if (g.db->dialect() == db::Dialect::sqlite) CCP_CHECK_OK(g.outbox->takeOver());
  g.outbox->start();
  return {};
}

void startWorker(Graph& g, std::string name, Duration pause, Periodic::Work work) {
  g.workers.push_back(
      std::make_unique<Periodic>(std::move(name), pause, g.metrics, std::move(work)));
  g.workers.back()->start();
}

Status startWorkers(Graph& g) {
  g.licensing->worker().start();  // revocations, keys, licenses whose time has come
  g.billing->worker().start();    // stored webhooks, dirty subscriptions, the reconciler
  g.metering->start();            // usage, on its way to billing providers
  g.billing->intake().start();    // webhooks, beside the requests that bring them
  g.billing->reception().start();
  g.decisions->start();           // what was decided, on its way into the log
  g.exports->worker().start();    // records that exporters have not acknowledged
  startWorker(g, "sweep", minutes(5), [&g]() -> Status {
    CCP_CHECK_OK(g.identity->sweep());
    CCP_CHECK_OK(g.decisions->sweep());
    return g.idempotency->purge();
  });
  g.policy_node->start();         // what was published, here or elsewhere
  startWorker(g, "billing reminders", seconds(15), [&g] { return g.billing->reminders().run(); });
  startWorker(g, "policy renewal", minutes(1), [&g]() -> Status {
    CCP_TRY([[maybe_unused]] const int renewed, g.policies->publishing().renewDue());
    return {};
  });
  startWorker(g, "plugins", seconds(2), [&g]() -> Status {
    g.plugins->tend();
    return {};
  });
  startWorker(g, "config", seconds(1), [&g]() -> Status {
    g.reloader->poll();
    if (g.certificates) g.certificates->poll(g.live->now()->reload.watch);
    return {};
  });
  g.config_worker = g.workers.back().get();
  return {};
}

void stopWorkers(Graph& g) {
  g.config_worker = nullptr;
  for (auto& worker : g.workers) worker->stop();
  g.workers.clear();
  g.policy_node->stop();
  g.exports->worker().stop();
  g.metering->stop();
  g.decisions->stop();
  g.billing->reception().stop();
  g.billing->intake().stop();
  g.billing->worker().stop();
  g.licensing->worker().stop();
}

Status writeRuntimeFile(Graph& g) {
  const Json runtime = Json::object({{"pid", static_cast<std::int64_t>(::getpid())},
                                     {"public_url", g.settings.server.public_url},
                                     {"listen", g.public_address},
                                     {"admin_listen", g.admin_address}});
  CCP_CHECK_OK(writeFileAtomic(g.state->file("runtime.json"), runtime.dump() + "\n", 0644));
  log::info("ccpd.serving", {{"public_url", g.settings.server.public_url},
                             {"listen", g.public_address},
                             {"admin_listen", g.admin_address},
                             {"mode", g.settings.dev() ? "dev" : "prod"},
                             {"version", CCP_VERSION}});
  return {};
}

void stopServing(Graph& g) {
  g.draining = true;
  g.policy_node->bell()->close();  // long polls answer, so that they are not waited for
  g.public_server->beginDrain();
  g.clean_stop = g.public_server->stop(g.settings.server.drain_timeout) && g.clean_stop;
}

}  // namespace

void planStore(Steps& steps, Graph& g) {
  steps.add("sodium", [&g]() -> Status {
    g.random.emplace();
    return {};
  });
  steps.add(
      "state directory", [&g] { return openState(g); }, [&g] { g.state.reset(); });
  steps.add(
      "store", [&g] { return openStore(g); },
      [&g] {
        g.db->close();
        g.db.reset();
      });
}

void planStart(Steps& steps, Graph& g) {
  // clang-format off: a table
  // name                     start                                        undo
  steps.add("sodium", [&g]() -> Status {
    g.random.emplace();
    return {};
  });
  steps.add(
      "state directory", [&g] { return openState(g); }, [&g] { g.state.reset(); });
  steps.add(
      "addresses", [&g] { return bindListeners(g); },
      [&g] {
        g.public_server.reset();
        g.admin_server.reset();
      });
  steps.add(
      "store", [&g] { return openStore(g); },
      [&g] {
        g.db->close();
        g.db.reset();
      });
  steps.add("secrets", [&g]() -> Status {
    g.secrets = std::make_unique<config::SecretStore>(g.settings.state_dir, environment());
    return {};
  });
  steps.add("certificate", [&g] { return loadCertificate(g); });
  steps.add("outbound", [&g] {
    g.http_client = std::make_unique<net::PocoHttpClient>();
    return makeMailer(g);
  });
  steps.add(
      "policies", [&g] { return openPolicies(g); }, [&g] { closePolicies(g); });
  steps.add(
      "plugins", [&g] { return loadPlugins(g); },
      [&g] {
        g.plugins->stop();
        g.plugins.reset();
      });
  steps.add(
      "features", [&g] { return openFeatures(g); }, [&g] { closeFeatures(g); });
  if (g.settings.dev()) steps.add("demo organization", [&g] { return makeDemoOrganization(g); });
  steps.add("routes", [&g] { return buildRoof(g); });
  steps.add(
      "outbox", [&g] { return startOutbox(g); },
      [&g] {
        g.outbox->stop();
        g.outbox.reset();
      });
  steps.add(
      "workers", [&g] { return startWorkers(g); }, [&g] { stopWorkers(g); });
  steps.add(
      "admin listener", [&g] { return g.admin_server->start(*g.admin_pipeline); },
      [&g] { g.clean_stop = g.admin_server->stop(seconds(1)) && g.clean_stop; });
  steps.add(
      "public listener", [&g] { return g.public_server->start(*g.pipeline, g.certificates ? &g.certificates->listener() : nullptr); },
      [&g] { stopServing(g); });
  steps.add(
      "runtime file", [&g] { return writeRuntimeFile(g); },
      [&g] { ::unlink(g.state->file("runtime.json").c_str()); });
  // clang-format on
}

}  // namespace ccp::app
