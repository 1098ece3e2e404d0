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

/// How many leading segments are literal text: the more, the more specific the pattern.
std::size_t literals(std::string_view pattern) {
  const auto parts = segments(pattern);
  return static_cast<std::size_t>(
      std::count_if(parts.begin(), parts.end(), [](auto part) { return !isParam(part); }));
}

bool matches(const std::vector<std::string_view>& pattern,
             const std::vector<std::string_view>& path,
             std::map<std::string, std::string>& params) {
  if (pattern.size() != path.size()) return false;
  params.clear();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (isParam(pattern[i])) {
      if (path[i].empty()) return false;
      params.emplace(pattern[i].substr(1, pattern[i].size() - 2), path[i]);
    } else if (pattern[i] != path[i]) {
      return false;
    }
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
  if (pattern.find('{') == std::string::npos) literal_[pattern].push_back(routes_.size());
  routes_.push_back(
      Route{std::move(method), std::move(pattern), std::move(options), std::move(handler)});
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match out;
  // A path that is a pattern itself is the most specific match that there can be.
  if (const auto exact = literal_.find(std::string(path)); exact != literal_.end()) {
    for (const auto index : exact->second) {
      const Route& route = routes_[index];
      if (route.method == method || (method == "HEAD" && route.method == "GET")) {
        out.route = &route;
        return out;
      }
    }
  }
  const auto parts = segments(path);
  std::map<std::string, std::string> params;
  std::size_t best = 0;
  for (const auto& route : routes_) {
    // Most requests differ in the literal start; this spares the split for them.
    if (route.pattern.find('{') == std::string::npos && route.pattern != path) continue;
    if (!matches(segments(route.pattern), parts, params)) continue;
    const bool fits = route.method == method || (method == "HEAD" && route.method == "GET");
    if (!fits) {
      if (std::find(out.allowed.begin(), out.allowed.end(), route.method) == out.allowed.end()) {
        out.allowed.push_back(route.method);
        if (route.method == "GET") out.allowed.emplace_back("HEAD");
      }
      continue;
    }
    const std::size_t rank = literals(route.pattern) + 1;
    if (rank > best) {
      best = rank;
      out.route = &route;
      out.params = params;
    }
  }
  return out;
}

}  // namespace ccp::http
