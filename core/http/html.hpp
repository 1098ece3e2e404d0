// Server-rendered pages: escaping, one layout, and a strict content security policy. Pages carry no
// third-party script; what little script there is comes from /assets.
#pragma once

#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace ccp::http {

/// Escapes & < > " ' for text and for quoted attribute values.
std::string escapeHtml(std::string_view text);

struct Page {
  std::string title;
  std::string body;        ///< trusted HTML, built with escapeHtml
  std::string user_email;  ///< shown in the header with a sign-out button when not empty
  std::string csrf_token;  ///< for the sign-out form
  bool wide = false;       ///< dashboards
};

/// Whole page with Content-Security-Policy, no-store and nosniff.
Response renderPage(const Page& page, int status = 200);

}  // namespace ccp::http
