#include "cli/support/policy_table.hpp"

#include <algorithm>

#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {

using policy::Matrix;
using policy::MatrixAnswer;
using policy::MatrixField;
using policy::MatrixPlan;

Outcome<std::map<std::string, Json>> readFixed(const std::vector<std::string>& words) {
  std::map<std::string, Json> out;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return failed(Errc::usage_error, "\"" + printable(word.substr(0, 80)) + "\" fixes no field.", "Write FIELD=VALUE, as in org.plan=team.");
    const auto text = word.substr(equals + 1);
    const auto json = parseJson(text);
    out[word.substr(0, equals)] = json ? *json : Json(text);
  }
  return out;
}

Outcome<Matrix> enumerate(const Context& context, policy::Engine& engine, const std::vector<const policy::PackDocument*>& packs, policy::Point point,
                          const std::map<std::string, Json>& fixed, std::uint64_t limit) {
  CLI_TRY(auto plan, policy::planMatrix(packs, point, fixed));
  const auto total = plan.combinations();
  if (total > limit) {
    auto fields = plan.fields;
    std::stable_sort(fields.begin(), fields.end(), [](const MatrixField& a, const MatrixField& b) { return a.values.size() > b.values.size(); });
    std::string list;
    for (std::size_t i = 0; i < fields.size() && i < 8; ++i) list += (i == 0 ? "" : ", ") + fields[i].name() + " (" + std::to_string(fields[i].values.size()) + ")";
    const auto count = total > 9'000'000'000'000'000ull ? std::string("More than 9 quadrillion") : withThousands(static_cast<std::int64_t>(total));
    return failed(Errc::usage_error, count + " combinations of " + std::to_string(fields.size()) + " fields are too many: " + list + ".",
                  "Fix some of them, as in --fix " + fields.front().name() + "=" + MatrixField::valueText(fields.front().values.front()) + ", or raise --limit.");
  }
  Progress progress(context, "Deciding");
  CLI_TRY(auto out, policy::runMatrix(engine, packs, std::move(plan), [&](std::uint64_t done) { progress.update(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "inputs"); }));
  return out;
}

namespace {

/// Lists of objects are told by their length; those of one length are numbered (--json shows them whole).
std::string label(const MatrixField& field, std::size_t index) {
  const auto text = MatrixField::valueText(field.values[index]);
  std::size_t alike = 0, before = 0;
  for (std::size_t i = 0; i < field.values.size(); ++i) {
    if (MatrixField::valueText(field.values[i]) != text) continue;
    ++alike;
    if (i < index) ++before;
  }
  return alike > 1 ? text + " #" + std::to_string(before + 1) : text;
}

}  // namespace

std::string valuesText(const MatrixField& field, const std::vector<std::size_t>& values) {
  if (values.empty() || values.size() == field.values.size()) return "any";
  const auto listed = [&](const std::vector<std::size_t>& list) {
    std::string out;
    for (const auto i : list) out += (out.empty() ? "" : " | ") + label(field, i);
    return out;
  };
  if (values.size() * 2 <= field.values.size() || field.values.size() <= 2) return listed(values);
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < field.values.size(); ++i) {
    if (std::find(values.begin(), values.end(), i) == values.end()) others.push_back(i);
  }
  return others.size() == 1 ? "not " + listed(others) : "not (" + listed(others) + ")";
}

std::string verdictText(const Context& context, const MatrixAnswer& answer) {
  if (!answer.fault.empty()) return context.bad("fault");
  return answer.allow ? context.good("allow") : context.bad("deny");
}

Json valuesJson(const MatrixField& field, const std::vector<std::size_t>& values) {
  Json out = Json::array();
  for (const auto i : values) out.push(field.values[i] ? *field.values[i] : Json(nullptr));
  return out;
}

Json answerJson(const MatrixAnswer& answer) {
  Json out = Json::object({{"allow", answer.allow}});
  for (const auto& [name, value] : {std::pair{"rule", &answer.rule}, std::pair{"lane", &answer.lane}, std::pair{"effect", &answer.effect}, std::pair{"fault", &answer.fault}}) {
    if (!value->empty()) out.set(name, *value);
  }
  return out;
}

Json planJson(const MatrixPlan& plan) {
  Json fields = Json::array();
  for (const auto& field : plan.fields) {
    std::vector<std::size_t> all(field.values.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    fields.push(Json::object({{"field", field.name()}, {"values", valuesJson(field, all)}, {"complete", field.source == policy::MatrixValues::all}}));
  }
  Json held = Json::array();
  for (const auto& name : plan.held) held.push(name);
  return Json::object({{"fields", fields}, {"held", held}, {"base", plan.base}});
}

std::string heldText(const MatrixPlan& plan) {
  std::string constants, tests, held;
  for (const auto& field : plan.fields) {
    if (field.source == policy::MatrixValues::constants) constants += (constants.empty() ? "" : ", ") + field.name();
    if (field.source == policy::MatrixValues::tests) tests += (tests.empty() ? "" : ", ") + field.name();
  }
  for (const auto& name : plan.held) held += (held.empty() ? "" : ", ") + name;
  std::string out;
  const auto add = [&](const char* what, const std::string& names) {
    if (!names.empty()) out += (out.empty() ? "" : "\n") + std::string(what) + names + ".";
  };
  add("At the constants that the policy compares them with: ", constants);
  add("At the values of the tests: ", tests);
  add("Not varied: ", held);
  return out;
}

}  // namespace ccp::cli
