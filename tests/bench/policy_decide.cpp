// What a decision costs, from JSON text to the answer: ours, what recording adds, plain C++ as the floor, and many
// programs in turn. `policy_decide inputs FILE` writes the inputs and the oracle's answers, line by line;
// `policy_decide NAME FILE` measures one side: each line on stdin is a number of seconds, each answer a line of JSON
// (as tests/bench/policy/peers.mjs does, so that bench.mjs can interleave them).
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/engine.hpp"

using namespace ccp;
using namespace ccp::policy;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::string_view kPolicy = R"lua(
local features, models = ccp.data.features, ccp.data.models

function decide(input)
  local subject, resource, context, action = input.subject, input.resource, input.context, input.action
  local plan, role = subject.plan, subject.role
  if subject.suspended then
    return {allow = false, rule = "suspended"}
  end
  if subject.usage >= subject.quota and not (plan == "enterprise" and context.burst and subject.usage < subject.quota * 2) then
    return {allow = false, rule = "quota"}
  end
  if action == "export.run" and context.network == "public" then
    return {allow = false, rule = "network"}
  end
  if role == "admin" then
    return {allow = true, rule = "admin"}
  end
  if not features[plan][resource.feature] then
    return {allow = false, rule = "feature"}
  end
  if not models[plan][resource.model] then
    return {allow = false, rule = "model"}
  end
  if role == "contractor" and (context.hour < 8 or context.hour >= 18) then
    return {allow = false, rule = "hours"}
  end
  if action == "pr.merge" and resource.channel == "prod" and role ~= "maintainer" then
    return {allow = false, rule = "merge"}
  end
  if action == "export.run" and (plan == "free" or plan == "pro") then
    return {allow = false, rule = "export"}
  end
  return {allow = true, rule = "default"}
end
)lua";

const std::array<std::string_view, 4> kPlans{"free", "pro", "team", "enterprise"};
const std::array<std::vector<std::string_view>, 4> kFeatures{{{"chat"}, {"chat", "review", "export"}, {"chat", "review", "export", "slack", "merge"},
                                                               {"chat", "review", "export", "slack", "merge", "audit"}}};
const std::array<std::vector<std::string_view>, 4> kModels{{{"small"}, {"small", "medium"}, {"small", "medium", "large"}, {"small", "medium", "large", "frontier"}}};

Json sets(const std::array<std::vector<std::string_view>, 4>& names) {
  Json out = Json::object();
  for (std::size_t plan = 0; plan < kPlans.size(); ++plan) {
    Json of_plan = Json::object();
    for (const std::string_view name : names[plan]) of_plan.set(name, true);
    out.set(kPlans[plan], of_plan);
  }
  return out;
}

[[noreturn]] void die(const std::string& text) {
  std::fprintf(stderr, "policy_decide: %s\n", text.c_str());
  std::exit(1);
}

/// The same rules in C++, over the parsed text: the floor, and the oracle.
bool decideNatively(simdjson::dom::parser& parser, std::string_view text) {
  const simdjson::dom::element input = parser.parse(text.data(), text.size());
  const simdjson::dom::object subject = input["subject"];
  const simdjson::dom::object resource = input["resource"];
  const simdjson::dom::object context = input["context"];
  const std::string_view action = input["action"];
  const std::string_view plan = subject["plan"];
  const std::string_view role = subject["role"];
  const std::int64_t usage = subject["usage"];
  const std::int64_t quota = subject["quota"];
  if (bool(subject["suspended"])) return false;
  if (usage >= quota && !(plan == "enterprise" && bool(context["burst"]) && usage < quota * 2)) return false;
  if (action == "export.run" && std::string_view(context["network"]) == "public") return false;
  if (role == "admin") return true;
  const auto at = static_cast<std::size_t>(std::find(kPlans.begin(), kPlans.end(), plan) - kPlans.begin());
  const auto has = [](const std::vector<std::string_view>& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (!has(kFeatures[at], resource["feature"]) || !has(kModels[at], resource["model"])) return false;
  const std::int64_t hour = context["hour"];
  if (role == "contractor" && (hour < 8 || hour >= 18)) return false;
  if (action == "pr.merge" && std::string_view(resource["channel"]) == "prod" && role != "maintainer") return false;
  return !(action == "export.run" && (plan == "free" || plan == "pro"));
}

void writeInputs(const std::string& file) {
  std::mt19937 random(20260711);
  const auto pick = [&](const auto& of) { return std::string(of[random() % of.size()]); };
  const std::vector<std::string_view> roles{"admin", "maintainer", "member", "member", "member", "contractor"};
  const std::vector<std::string_view> plans{"free", "pro", "team", "team", "enterprise", "enterprise"};
  const std::vector<std::string_view> actions{"model.use", "model.use", "model.use", "export.run", "pr.merge", "slack.run"};
  const std::vector<std::string_view> networks{"office", "vpn", "vpn", "public"};
  const std::vector<std::string_view> regions{"eu-west-1", "us-east-1", "ap-south-1"};
  simdjson::dom::parser parser;
  std::ofstream out(file);
  for (int i = 0; i < 2000; ++i) {
    const auto quota = static_cast<std::int64_t>(1'000'000 + random() % 9'000'000);
    const auto usage = static_cast<std::int64_t>(static_cast<double>(quota) * static_cast<double>(random() % 1150) / 1000);
    const Json input = Json::object(
        {{"subject", Json::object({{"id", "seat_" + std::to_string(random())}, {"role", pick(roles)}, {"plan", pick(plans)}, {"suspended", random() % 40 == 0}, {"usage", usage}, {"quota", quota}})},
         {"action", pick(actions)},
         {"resource", Json::object({{"model", pick(kModels[random() % 20 == 0 ? 3 : 1])}, {"feature", pick(kFeatures[random() % 10 == 0 ? 3 : 1])}, {"channel", random() % 3 == 0 ? "prod" : "dev"}, {"region", pick(regions)}})},
         {"context", Json::object({{"network", pick(networks)}, {"hour", static_cast<int>(random() % 24)}, {"burst", random() % 2 == 0}})},
         {"now", "2026-11-21T12:" + std::to_string(10 + random() % 50) + ":00Z"}});
    const std::string text = input.dump();
    out << text << '\n' << (decideNatively(parser, text) ? "allow" : "deny") << '\n';
  }
}

struct Case {
  std::string input;
  bool allow;
};

std::vector<Case> readInputs(const std::string& file) {
  std::vector<Case> out;
  std::ifstream in(file);
  for (std::string text, answer; std::getline(in, text) && std::getline(in, answer);) out.push_back({text, answer == "allow"});
  if (out.empty()) die("no inputs in " + file);
  return out;
}

/// Seconds that this thread worked: neighbours on the machine do not count.
double worked() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

using Decide = std::function<bool(std::size_t turn, std::string_view input)>;

void serve(const std::vector<Case>& cases, const Decide& decide) {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (decide(i, cases[i].input) != cases[i].allow) die("disagrees with the oracle on " + cases[i].input);
  }
  std::size_t turn = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const std::chrono::duration<double> wanted(std::atof(line.c_str()));
    std::size_t done = 0;
    const double begin = worked();
    for (; worked() - begin < wanted.count(); done += 50) {
      for (int i = 0; i < 50; ++i, ++turn) (void)decide(turn, cases[turn % cases.size()].input);
    }
    const double per_second = static_cast<double>(done) / (worked() - begin);
    std::vector<std::int64_t> latencies;
    for (const auto end = Steady::now() + wanted; Steady::now() < end; ++turn) {
      const auto before = Steady::now();
      (void)decide(turn, cases[turn % cases.size()].input);
      latencies.push_back((Steady::now() - before).count());
    }
    std::sort(latencies.begin(), latencies.end());
    const auto us = [&](double share) { return static_cast<double>(latencies[static_cast<std::size_t>(static_cast<double>(latencies.size()) * share)]) / 1000; };
    std::cout << Json::object({{"perSecond", per_second}, {"p50", us(0.5)}, {"p99", us(0.99)}}).dump() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) die("usage: policy_decide inputs|floor|ccp|ccp_recording|ccp_programs_N FILE");
  const std::string name = argv[1];
  if (name == "inputs") {
    writeInputs(argv[2]);
    return 0;
  }
  const std::vector<Case> cases = readInputs(argv[2]);
  if (name == "floor") {
    simdjson::dom::parser parser;
    serve(cases, [&](std::size_t, std::string_view input) { return decideNatively(parser, input); });
    return 0;
  }
  Engine engine;
  const Json data = Json::object({{"features", sets(kFeatures)}, {"models", sets(kModels)}});
  std::vector<ProgramPtr> programs(name.rfind("ccp_programs_", 0) == 0 ? static_cast<std::size_t>(std::atoi(name.c_str() + 13)) : 1);
  for (ProgramPtr& program : programs) {
    Result<ProgramPtr> loaded = engine.load("bench.lua", kPolicy, data);
    if (!loaded) die(loaded.error().text());
    program = std::move(*loaded);
  }
  const Recording recording{name == "ccp_recording", false};
  serve(cases, [&](std::size_t turn, std::string_view input) {
    const Outcome outcome = engine.decide(programs[turn % programs.size()], input, {}, recording);
    if (outcome.fault != Fault::none) die(outcome.message);
    return *outcome.result["allow"].asBool();
  });
}
