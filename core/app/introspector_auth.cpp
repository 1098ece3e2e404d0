#include "core/app/introspector_auth.hpp"

#include "core/base/encoding.hpp"

namespace ccp::app {
namespace {

constexpr std::string_view kPrefix = "ccp_in_";
constexpr std::size_t kMaxHeader = 1024;
constexpr CacheLimits kLimits{.entries = 4096, .bytes = 4u << 20};
constexpr std::size_t kBytesPerKey = 512;

struct Credential {
  std::string client;  ///< of Basic; empty for Bearer
  std::string secret;
};

bool hasScheme(std::string_view header, std::string_view lower) {
  if (header.size() <= lower.size() || header[lower.size()] != ' ') return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = header[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

std::optional<Credential> credentialOf(std::string_view header) {
  if (header.size() > kMaxHeader) return std::nullopt;
  const auto rest = [&](std::size_t scheme) {
    const auto start = header.find_first_not_of(' ', scheme);
    return start == std::string_view::npos ? std::string_view() : header.substr(start);
  };
  if (hasScheme(header, "bearer")) return Credential{{}, std::string(rest(6))};
  if (!hasScheme(header, "basic")) return std::nullopt;
  const auto decoded = base64Decode(rest(5));
  if (!decoded) return std::nullopt;
  const std::string_view text = textOf(*decoded);
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  // Both are form-encoded before they are joined (RFC 6749, 2.3.1).
  auto client = urlDecode(text.substr(0, colon), true);
  auto secret = urlDecode(text.substr(colon + 1), true);
  if (!client || !secret || client->empty()) return std::nullopt;
  return Credential{std::move(*client), std::move(*secret)};
}

}  // namespace

Status IntrospectorAuth::prepare(const std::string& file, Random& random) {
  return KeyFile::prepare(file, kPrefix, random);
}

IntrospectorAuth::IntrospectorAuth(std::string file, const Clock& clock, Random& random,
                                   Metrics& metrics, identity::ApiKeys& keys)
    : file_(std::move(file), std::string(kPrefix)),
      keys_(keys),
      hash_(random),
      failures_(clock, 20, minutes(1)),
      known_(clock, kLimits, CacheMeters(metrics, "introspectors")) {
  keys_.onRevoke([this](const std::string& id) {
    known_.forgetIf([&](const http::Principal& who) { return who.api_key == id; });
  });
}

std::optional<Result<http::Principal>> IntrospectorAuth::fromMemory(const http::Request& request) {
  const auto header = request.headers.only("Authorization");
  if (!header) return std::nullopt;
  const auto who = known_.find(hash_(*header));
  if (!who) return std::nullopt;
  return *who;
}

Result<http::Principal> IntrospectorAuth::authenticate(const http::Request& request) {
  const auto header = request.headers.only("Authorization");
  if (!header) {
    return fail(Errc::unauthenticated, "Send one Authorization header: Bearer with an API key that has the scope \"introspect\".");
  }
  const Digest name = hash_(*header);
  if (const auto who = known_.findFresh(name)) return *who;
  const auto ticket = known_.ticket(name);
  auto who = lookUp(*header);
  if (!who) {
    if (who.error().code == Errc::unauthenticated) CCP_CHECK_OK(failures_.take(request.remote_address));
    return who;
  }
  return *known_.put(name, std::move(*who), kBytesPerKey, ticket);
}

Result<http::Principal> IntrospectorAuth::lookUp(std::string_view header) {
  const auto credential = credentialOf(header);
  if (!credential) return fail(Errc::unauthenticated, "This is no API key.");
  http::Principal who;
  if (credential->secret.starts_with(kPrefix)) {
    CCP_TRY(const bool right, file_.matches(credential->secret));
    if (!right) return fail(Errc::unauthenticated, "This is not the introspection key of this server.");
    who.kind = http::PrincipalKind::api_key;
    who.api_key = kDeployer;
    who.scopes = {"introspect"};
  } else {
    CCP_TRY(who, keys_.authenticate(std::string_view(credential->secret)));
  }
  if (!credential->client.empty() && credential->client != who.api_key) {
    return fail(Errc::unauthenticated, "The client id is not the one of this key.");
  }
  return who;
}

}  // namespace ccp::app
