// The URL of a DPoP proof in the form in which two of them are compared (RFC 9449, 4.3, and
// RFC 3986, 6.2.2 and 6.2.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ccp::crypto {

/// Scheme and host in lower case, no default port, no query, no fragment, dot segments removed,
/// percent-encoding normalised, "/" for an empty path. Nothing for what is no http(s) URL, has
/// credentials in it, or holds characters that a URL cannot hold.
std::optional<std::string> normalizeHtu(std::string_view url);

}  // namespace ccp::crypto
