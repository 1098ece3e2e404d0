#include "core/http/router.hpp"

#include <algorithm>
#include <stdexcept>

namespace ccp::http {
namespace {

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

bool isParam(std::string_view segment) noexcept {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

/// Empty segments are no values of parameters.
bool matches(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (isParam(pattern[i]) ? path[i].empty() : pattern[i] != path[i]) return false;
  }
  return true;
}

}  // namespace

void Router::add(std::string method, std::string pattern, RouteOptions options, Handler handler) {
  if (pattern.empty() || pattern.front() != '/')
    throw std::logic_error("route pattern must start with '/': " + pattern);
  for (const auto& route : routes_) {
    if (route.method == method && route.pattern == pattern)
      throw std::logic_error("route added twice: " + method + " " + pattern);
  }
  if (pattern.find('{') == std::string::npos) {
    literal_[pattern].push_back(routes_.size());
  } else {
    Template made{routes_.size(), {}, 0};
    for (const auto segment : segments(pattern)) {
      if (!isParam(segment)) ++made.literals;
      made.segments.emplace_back(segment);
    }
    templates_.push_back(std::move(made));
  }
  routes_.push_back(
      Route{std::move(method), std::move(pattern), std::move(options), std::move(handler)});
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match out;
  const auto answers = [&](const Route& route) {
    const bool fits = route.method == method || (method == "HEAD" && route.method == "GET");
    if (!fits &&
        std::find(out.allowed.begin(), out.allowed.end(), route.method) == out.allowed.end()) {
      out.allowed.push_back(route.method);
      if (route.method == "GET") out.allowed.emplace_back("HEAD");
    }
    return fits;
  };
  // A path that is a pattern itself is the most specific match that there can be.
  if (const auto exact = literal_.find(path); exact != literal_.end()) {
    for (const auto index : exact->second) {
      if (!answers(routes_[index])) continue;
      out.route = &routes_[index];
      return out;
    }
  }
  const auto parts = segments(path);
  const Template* best = nullptr;
  for (const auto& candidate : templates_) {
    if (!matches(candidate.segments, parts) || !answers(routes_[candidate.route])) continue;
    if (best == nullptr || candidate.literals > best->literals) best = &candidate;
  }
  if (best == nullptr) return out;
  out.route = &routes_[best->route];
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view name = best->segments[i];
    if (isParam(name)) out.params.emplace(name.substr(1, name.size() - 2), parts[i]);
  }
  return out;
}

}  // namespace ccp::http
