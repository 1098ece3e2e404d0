#include "sdk/conformance/scenario/provider_api.hpp"

#include <algorithm>

#include "core/base/encoding.hpp"

namespace ccp::kit {
namespace {

using Query = std::multimap<std::string, std::string>;

struct Target {
  std::string path;
  Query query;
};

Target targetOf(const std::string& url) {
  Target out;
  const auto scheme = url.find("://");
  const auto begin = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (begin == std::string::npos) return {"/", {}};
  const auto mark = url.find('?', begin);
  out.path = url.substr(begin, mark == std::string::npos ? std::string::npos : mark - begin);
  if (mark == std::string::npos) return out;
  std::string_view rest(url);
  rest.remove_prefix(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    const auto name = urlDecode(pair.substr(0, equals), true);
    const auto value = urlDecode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (name && value) out.query.emplace(*name, *value);
  }
  return out;
}

bool within(const Query& wanted, const Query& sent) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& pair) {
    const auto [first, last] = sent.equal_range(pair.first);
    return std::any_of(first, last, [&](const auto& other) { return other.second == pair.second; });
  });
}

}  // namespace

HttpAnswer ProviderApi::answer(const HttpAsk& ask) {
  const Target target = targetOf(ask.url);
  const RecordedAnswer* best = nullptr;
  // Later steps replace earlier ones; of different answers the one with the most of the query.
  for (std::size_t i = 0; i <= step_ && i < scenario_.records.size(); ++i) {
    for (const auto& each : scenario_.records[i].api) {
      if (each.method != ask.method || each.path != target.path || !within(each.query, target.query)) continue;
      if (!best || each.query.size() >= best->query.size()) best = &each;
    }
  }
  if (best && !best->gone) return {CCP_RC_OK, best->status, best->headers, best->body};
  std::string text = ask.method + " " + target.path;
  for (const auto& [name, value] : target.query) text += (text.find('?') == std::string::npos ? "?" : "&") + name + "=" + value;
  unanswered_.insert(text);
  return {CCP_RC_OK, 404, {{"content-type", "application/json"}}, "{}"};
}

}  // namespace ccp::kit
