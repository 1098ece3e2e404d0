// Takes a connection string out of a text, pure: drivers like to repeat it in their errors, and it may
// hold a password.
#pragma once

#include <string>
#include <string_view>

namespace sql_export {

/// `text` with the connection string, every value in it ("password=x", quoted or not) and the user info of
/// a URL replaced by "***". Values of one or two bytes stay: they hide nothing and would eat the text.
std::string scrub(std::string text, std::string_view connection);

}  // namespace sql_export
