// What access tokens and packs say, as values: the claims' names stand here and nowhere else.
#include <utility>

#include "core/crypto/jws.hpp"

namespace ccp::crypto {
namespace {

/// Seconds at the end of year 9999: beyond it times cannot be written in RFC 3339.
constexpr std::int64_t kMaxUnixSeconds = 253402300799;

tl::unexpected<Error> invalid(std::string why) { return fail(Errc::token_invalid, std::move(why)); }

/// NumericDate as a whole number of seconds; nothing when absent.
Result<std::optional<Timestamp>> timeClaim(const Json& claims, const char* name) {
  const Json* value = claims.find(name);
  if (!value) return std::optional<Timestamp>();
  const auto at = value->asInt();
  if (!at || *at < 0 || *at > kMaxUnixSeconds) return invalid(std::string("The claim \"") + name + "\" is no time.");
  return std::optional(fromUnixSeconds(*at));
}

/// Collects required claims; the first one that is absent or of another type is the error.
class Reader {
 public:
  explicit Reader(const Json& claims) : claims_(claims) {}

  void text(const char* name, std::string& out) {
    if (const auto* value = claims_[name].asString(); value && !value->empty()) {
      out = *value;
    } else {
      refuse(name);
    }
  }
  void optionalText(const char* name, std::string& out) {
    const Json* value = claims_.find(name);
    if (!value) return;
    if (const auto* s = value->asString()) {
      out = *s;
    } else {
      refuse(name);
    }
  }
  void number(const char* name, std::int64_t& out) {
    if (const auto value = claims_[name].asInt(); value && *value >= 0) {
      out = *value;
    } else {
      refuse(name);
    }
  }
  void time(const char* name, Timestamp& out) {
    auto value = timeClaim(claims_, name);
    if (value && *value) {
      out = **value;
    } else {
      refuse(name);
    }
  }
  void object(const char* name, Json& out) {
    if (claims_[name].isObject()) {
      out = claims_[name];
    } else {
      refuse(name);
    }
  }
  void thumbprint(std::string& out) {
    const auto* value = claims_["cnf"]["jkt"].asString();
    if (value && value->size() == 43) {
      out = *value;
    } else {
      refuse("cnf.jkt");
    }
  }
  void texts(const char* name, std::vector<std::string>& out) {
    if (!claims_[name].isArray()) return refuse(name);
    for (const auto& item : claims_[name].items()) {
      if (!item.asString()) return refuse(name);
      out.push_back(*item.asString());
    }
  }
  template <class T>
  Result<T> done(T value) {
    if (!missing_.empty()) return invalid("The claim \"" + missing_ + "\" is missing or of the wrong type.");
    return value;
  }

 private:
  void refuse(const char* name) {
    if (missing_.empty()) missing_ = name;
  }
  const Json& claims_;
  std::string missing_;
};

}  // namespace

Status checkTimes(const Json& claims, Timestamp now, Duration skew) {
  CCP_TRY(const auto exp, timeClaim(claims, "exp"));
  CCP_TRY(const auto nbf, timeClaim(claims, "nbf"));
  CCP_TRY(const auto iat, timeClaim(claims, "iat"));
  if (!exp) return invalid("The claim \"exp\" is missing.");
  if (nbf && *nbf > now + skew) return invalid("The token is not valid before " + formatRfc3339(*nbf) + ".");
  if (iat && *iat > now + skew) return invalid("The token was issued in the future, at " + formatRfc3339(*iat) + ".");
  if (now >= *exp + skew) return fail(Errc::token_expired, "The token expired at " + formatRfc3339(*exp) + ".");
  return {};
}

Json AccessClaims::json() const {
  Json out = Json::object({{"iss", iss},
                           {"aud", aud},
                           {"sub", sub},
                           {"jti", jti},
                           {"iat", toUnixSeconds(issued_at)},
                           {"exp", toUnixSeconds(expires_at)},
                           {"client_id", client_id},
                           {"scope", scope},
                           {"org", org},
                           {"lic", license},
                           {"ver", license_version},
                           {"sid", sid},
                           {"cnf", Json::object({{"jkt", jkt}})}});
  for (const auto& [name, value] : {std::pair{"seat", &seat}, {"dev", &device}, {"role", &role}, {"email", &email}}) {
    if (!value->empty()) out.set(name, *value);
  }
  return out;
}

Result<AccessClaims> AccessClaims::from(const Json& claims) {
  AccessClaims out;
  Reader read(claims);
  read.text("iss", out.iss);
  read.text("aud", out.aud);
  read.text("sub", out.sub);
  read.text("jti", out.jti);
  read.time("iat", out.issued_at);
  read.time("exp", out.expires_at);
  read.text("client_id", out.client_id);
  read.optionalText("scope", out.scope);
  read.text("org", out.org);
  read.text("lic", out.license);
  read.number("ver", out.license_version);
  read.text("sid", out.sid);
  read.thumbprint(out.jkt);
  read.optionalText("seat", out.seat);
  read.optionalText("dev", out.device);
  read.optionalText("role", out.role);
  read.optionalText("email", out.email);
  return read.done(std::move(out));
}

Json PackClaims::json() const {
  Json list = Json::array();
  for (const auto& feature : features) list.push(feature);
  return Json::object({{"iss", iss},
                       {"aud", aud},
                       {"sub", sub},
                       {"jti", jti},
                       {"iat", toUnixSeconds(issued_at)},
                       {"nbf", toUnixSeconds(not_before)},
                       {"exp", toUnixSeconds(expires_at)},
                       {"org", org},
                       {"lic", license},
                       {"ver", version},
                       {"sid", sid},
                       {"plan", plan},
                       {"features", list},
                       {"limits", limits},
                       {"privacy", privacy},
                       {"seats", seats},
                       {"grace_s", grace_s},
                       {"enforce", enforce},
                       {"cnf", Json::object({{"jkt", jkt}})}});
}

Result<PackClaims> PackClaims::from(const Json& claims) {
  PackClaims out;
  Reader read(claims);
  read.text("iss", out.iss);
  read.text("aud", out.aud);
  read.text("sub", out.sub);
  read.text("jti", out.jti);
  read.time("iat", out.issued_at);
  read.time("nbf", out.not_before);
  read.time("exp", out.expires_at);
  read.text("org", out.org);
  read.text("lic", out.license);
  read.number("ver", out.version);
  read.text("sid", out.sid);
  read.text("plan", out.plan);
  read.texts("features", out.features);
  read.object("limits", out.limits);
  read.text("privacy", out.privacy);
  read.number("seats", out.seats);
  read.number("grace_s", out.grace_s);
  read.object("enforce", out.enforce);
  read.thumbprint(out.jkt);
  // A grace longer than a year is no grace; it also keeps exp + grace within range.
  if (out.grace_s > 366 * 86400) return invalid("The claim \"grace_s\" is larger than a year.");
  return read.done(std::move(out));
}

}  // namespace ccp::crypto
