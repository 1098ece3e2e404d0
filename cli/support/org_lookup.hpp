// Finds the seat or member that a person means by an address, a GitHub handle or an id, and reads whole
// lists page by page. One thread.
#pragma once

#include <string>

#include "cli/support/failure.hpp"
#include "cli/support/server.hpp"

namespace ccp::cli {

/// All pages of GET `path`: the items under `key`. `last`, when given, gets the last page's answer.
Outcome<Json> allPages(Server& server, const std::string& path, const char* key, Json* last = nullptr);

/// The item that `who` names: an id, an address, or a handle ("@octocat"). `not_found` with the next step.
Outcome<Json> findPerson(const Json& items, const std::string& who, const char* what, const char* list_command);

/// Splits what a person typed after `ccp invite`: "@octocat" or an address.
Json invitationOf(const std::string& who, const std::string& github, const std::string& role);

}  // namespace ccp::cli
