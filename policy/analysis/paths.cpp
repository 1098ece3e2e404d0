#include "policy/analysis/paths.hpp"

namespace ccp::policy::lua {
namespace {

constexpr std::size_t kMaxSteps = 32;  ///< no input is deeper
constexpr int kMaxDepth = 300;

}  // namespace

std::string chainText(const Path& path) {
  std::string out = "input";
  for (const auto& step : path) out += step == "*" ? "[…]" : "." + step;
  return out;
}

std::optional<Path> Paths::of(const Expr& expr) {
  if (depth_ > kMaxDepth) return std::nullopt;
  ++depth_;
  std::optional<Path> out;
  if (expr.kind == ExprKind::name) {
    if (expr.local != nullptr) out = ofLocal(*expr.local);
  } else if (expr.kind == ExprKind::paren) {
    out = of(*expr.parts.front());
  } else if (expr.kind == ExprKind::binary && expr.text == "or") {
    out = of(*expr.parts.front());  // input.list or {}
  } else if (expr.kind == ExprKind::index) {
    out = of(*expr.parts[0]);
    if (out && out->size() >= kMaxSteps) out.reset();
    if (out) out->push_back(expr.parts[1]->kind == ExprKind::string ? expr.parts[1]->text : "*");
  }
  --depth_;
  return out;
}

std::optional<Path> Paths::ofLocal(const Local& local) {
  const auto found = known_.find(&local);
  if (found != known_.end()) return found->second;
  known_[&local] = std::nullopt;
  std::optional<Path> out;
  if (local.writes == 0) {
    if (local.kind == LocalKind::parameter)
      out = ofParameter(local);
    else if (local.kind == LocalKind::loop)
      out = ofLoop(local);
    else if (local.value != nullptr)
      out = of(*local.value);
  }
  known_[&local] = out;
  return out;
}

std::optional<Path> Paths::ofLoop(const Local& local) {
  const auto& loop = *local.loop;
  if (loop.kind != StatKind::generic_for || local.index != 1 || loop.values.size() != 1) return std::nullopt;
  const auto& call = *loop.values.front();
  if (call.kind != ExprKind::call || call.parts.size() != 2) return std::nullopt;
  const auto& callee = *call.parts.front();
  if (callee.kind != ExprKind::name || callee.local != nullptr || (callee.text != "ipairs" && callee.text != "pairs")) return std::nullopt;
  auto out = of(*call.parts[1]);
  if (out && out->size() >= kMaxSteps) return std::nullopt;
  if (out) out->push_back("*");
  return out;
}

const Local* Paths::functionOf(const Function* function) {
  if (!owners_ready_) {
    for (const auto& local : names_.locals) {
      if (local.function != nullptr && local.kind != LocalKind::parameter) owners_[local.function] = &local;
    }
    owners_ready_ = true;
  }
  const auto found = owners_.find(function);
  return found == owners_.end() ? nullptr : found->second;
}

std::optional<Path> Paths::ofParameter(const Local& local) {
  if (local.function == names_.decide) return local.index == 0 ? std::optional<Path>(Path{}) : std::nullopt;
  // Of a local function that is only ever called: what every call gives.
  const auto* owner = functionOf(local.function);
  if (owner == nullptr || owner->writes != 0 || owner->calls.empty() || static_cast<int>(owner->calls.size()) != owner->reads) return std::nullopt;
  std::optional<Path> out;
  for (const auto* call : owner->calls) {
    const auto at = local.index + 1;
    if (at >= call->parts.size()) return std::nullopt;
    auto given = of(*call->parts[at]);
    if (!given || (out && *out != *given)) return std::nullopt;
    out = std::move(given);
  }
  return out;
}

}  // namespace ccp::policy::lua
