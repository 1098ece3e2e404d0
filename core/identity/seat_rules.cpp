#include "core/identity/seat_rules.hpp"

#include <algorithm>
#include <tuple>

#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

bool isLetterOrDigit(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool isHandle(std::string_view text) {
  if (text.empty() || text.size() > 39) return false;
  const auto underscore = text.find('_');
  const auto name = text.substr(0, underscore);
  if (underscore != std::string_view::npos) {
    const auto code = text.substr(underscore + 1);
    if (code.empty() || !std::all_of(code.begin(), code.end(), isLetterOrDigit)) return false;
  }
  if (name.empty() || name.front() == '-' || name.back() == '-' || name.find("--") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return isLetterOrDigit(c) || c == '-'; });
}

}  // namespace

Result<std::string> normalizeHandle(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (!text.empty() && text.front() == '@') text.remove_prefix(1);
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (!isHandle(out)) {
    return fail(Error{Errc::validation_failed, "This is no GitHub handle.", {{"/github", "1 to 39 letters, digits and single hyphens, such as octocat"}}});
  }
  return out;
}

bool takesPaidSeat(std::string_view role) noexcept { return role != "viewer"; }

std::set<std::string> seatsOverLimit(std::vector<SeatStanding> seats, std::int64_t paid) {
  std::sort(seats.begin(), seats.end(), [](const SeatStanding& a, const SeatStanding& b) {
    const auto key = [](const SeatStanding& s) {
      return std::tuple(!s.owner, !s.claimed_at.has_value(), s.claimed_at.value_or(s.created_at), s.created_at, std::string_view(s.id));
    };
    return key(a) < key(b);
  });
  std::set<std::string> out;
  const auto keep = static_cast<std::size_t>(std::clamp<std::int64_t>(paid, 0, static_cast<std::int64_t>(seats.size())));
  for (std::size_t i = keep; i < seats.size(); ++i) out.insert(seats[i].id);
  return out;
}

Status judgeRoleChange(std::string_view actor_role, const MemberFacts& member, std::string_view role) {
  if (!isRole(role)) return fail(Error{Errc::validation_failed, "The role must be owner, admin, member or viewer.", {{"/role", "owner, admin, member or viewer"}}});
  if (!roleAllows(actor_role, Action::manage_seats)) return fail(Errc::forbidden, "Owners and admins of the organization give roles.");
  if ((member.role == "owner" || role == "owner") && actor_role != "owner") return fail(Errc::forbidden, "Only an owner makes and unmakes owners.");
  if (member.role == "owner" && role != "owner" && member.owners <= 1) {
    return fail(Errc::last_owner, "This is the only owner of the organization.");
  }
  return {};
}

Status judgeRemoval(std::string_view actor_role, const MemberFacts& member) {
  if (!member.self && !roleAllows(actor_role, Action::manage_seats)) return fail(Errc::forbidden, "Owners and admins of the organization remove members.");
  if (member.role == "owner" && !member.self && actor_role != "owner") return fail(Errc::forbidden, "Only an owner removes an owner.");
  if (member.role == "owner" && member.owners <= 1) return fail(Errc::last_owner, "This is the only owner of the organization.");
  return {};
}

}  // namespace ccp::identity
