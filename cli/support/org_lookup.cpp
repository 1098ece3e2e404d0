#include "cli/support/org_lookup.hpp"

#include <algorithm>

#include "cli/support/output.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

constexpr int kMaxPages = 1000;

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace

Outcome<Json> allPages(Server& server, const std::string& path, const char* key, Json* last) {
  Json out = Json::array();
  std::string cursor;
  for (int i = 0; i < kMaxPages; ++i) {
    CLI_TRY(const auto answer,
            server.call("GET", path + "?limit=500" + (cursor.empty() ? "" : "&cursor=" + urlEncode(cursor))));
    for (const auto& item : answer[key].items()) out.push(item);
    cursor = answer.strOr("next_cursor");
    if (!cursor.empty()) continue;
    if (last) *last = answer;
    return out;
  }
  return failed(Errc::internal, "The server's list does not end.");
}

Outcome<Json> findPerson(const Json& items, const std::string& who, const char* what, const char* list_command) {
  const auto wanted = lowered(who);
  const bool named = !wanted.empty() && wanted != "@";
  for (const auto& item : items.items()) {
    const bool same = wanted.starts_with('@') ? item.strOr("github") == wanted.substr(1)
                                              : item.strOr("id") == who || item.strOr("email") == wanted;
    if (named && same) return item;
  }
  return failed(Errc::not_found, std::string("There is no ") + what + " \"" + printable(who) + "\".",
                std::string("See `") + list_command + "`; name an address, @handle or id.");
}

Json invitationOf(const std::string& who, const std::string& github, const std::string& role) {
  Json out = Json::object({{"role", role}});
  out.set(who.starts_with('@') ? "github" : "email", who);
  if (!github.empty()) out.set("github", github);
  return out;
}

}  // namespace ccp::cli
