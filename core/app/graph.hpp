// The object graph of ccpd: every long-lived part, in the order in which they are made. Members are
// destroyed in reverse, but the stop steps of wiring.cpp end them first and in the right order.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/admin/service.hpp"
#include "core/app/authenticator.hpp"
#include "core/app/certificates.hpp"
#include "core/app/idempotency_repository.hpp"
#include "core/app/operator_auth.hpp"
#include "core/app/periodic.hpp"
#include "core/app/reloader.hpp"
#include "core/app/state_directory.hpp"
#include "core/base/metrics.hpp"
#include "core/billing/feature.hpp"
#include "core/config/live_settings.hpp"
#include "core/db/db.hpp"
#include "core/db/outbox.hpp"
#include "core/decisions/feature.hpp"
#include "core/decisions/review.hpp"
#include "core/exports/feature.hpp"
#include "core/metering/feature.hpp"
#include "core/http/server.hpp"
#include "core/identity/feature.hpp"
#include "core/licensing/feature.hpp"
#include "core/net/http_client.hpp"
#include "core/net/mailer.hpp"
#include "core/plugin/plugin_host.hpp"
#include "core/plugin/trust_admin.hpp"
#include "core/policies/feature.hpp"
#include "core/usage/service.hpp"
#include "policy/engine/engine.hpp"
#include "policy/runtime/runtime.hpp"

namespace ccp::app {

struct Graph {
  explicit Graph(config::Settings s) : settings(std::move(s)) {}

  // floors
  config::Settings settings;  ///< as at start
  std::optional<config::LiveSettings> live;
  SystemClock clock;
  std::optional<SystemRandom> random;
  Metrics metrics;
  std::optional<StateDirectory> state;
  std::unique_ptr<http::HttpServer> public_server;
  std::unique_ptr<http::HttpServer> admin_server;
  std::string public_address;  ///< real ones, once bound
  std::string admin_address;
  std::unique_ptr<db::Db> db;
  std::unique_ptr<db::OutboxDispatcher> outbox;
  std::unique_ptr<config::SecretStore> secrets;
  std::unique_ptr<Certificates> certificates;  ///< null without server.tls
  std::unique_ptr<net::HttpClient> http_client;
  std::unique_ptr<net::Mailer> mailer;
  std::unique_ptr<plugin::TrustAdmin> plugin_trust;
  std::unique_ptr<plugin::PluginHost> plugins;

  // policies: what every feature may ask, and the log of what was decided
  std::unique_ptr<decisions::Feature> decisions;
  std::unique_ptr<policy::Engine> engine;
  std::unique_ptr<policy::Runtime> runtime;  ///< the policy::Decider of every feature
  std::unique_ptr<policies::Node> policy_node;

  // features
  std::unique_ptr<licensing::Feature> licensing;
  std::unique_ptr<identity::Feature> identity;
  std::unique_ptr<usage::UsageService> usage;
  std::unique_ptr<policies::Feature> policies;
  std::unique_ptr<decisions::Review> decision_review;
  std::unique_ptr<billing::Feature> billing;
  std::unique_ptr<metering::Feature> metering;
  std::unique_ptr<exports::Feature> exports;
  std::unique_ptr<Reloader> reloader;
  std::unique_ptr<admin::AdminService> admin;

  // roof
  std::unique_ptr<OperatorAuth> operators;
  std::unique_ptr<IntrospectorAuth> introspectors;
  std::unique_ptr<CompositeAuthenticator> authenticator;
  std::unique_ptr<IdempotencyRepository> idempotency;
  http::Router router;
  http::Router admin_router;
  std::unique_ptr<http::Pipeline> pipeline;
  std::unique_ptr<http::Pipeline> admin_pipeline;
  std::vector<std::unique_ptr<Periodic>> workers;
  Periodic* config_worker = nullptr;  ///< one of them: wake it after Reloader::ask()
  std::atomic<bool> draining{false};
  bool clean_stop = true;  ///< false: a handler hangs, and nothing may be destroyed under it
};

}  // namespace ccp::app
