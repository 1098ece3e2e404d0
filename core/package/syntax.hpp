// The words of manifests and grants: ids, versions, paths, patterns. Pure functions; thread-safe.
#pragma once

#include <string_view>

namespace ccp::plugin {

/// [a-z0-9-_] words joined by `joint`, at least `min_words`, at most 96 bytes.
bool isDotted(std::string_view text, char joint, int min_words) noexcept;
/// Three numbers: 1.4.0.
bool isVersion(std::string_view text) noexcept;
/// ccp.billing/1
bool isRevisionId(std::string_view text) noexcept;
/// A relative path of plain segments: nothing that leaves the package.
bool isPlainPath(std::string_view path) noexcept;
/// "sha256:" and 64 lower-case hex digits.
bool isSha256(std::string_view text) noexcept;
/// polar/token, polar/*
bool isSecretPattern(std::string_view text) noexcept;
/// https://api.example.com: in lower case, without path and default port.
bool isHttpsOrigin(std::string_view text);

}  // namespace ccp::plugin
