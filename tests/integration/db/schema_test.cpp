// The schema rules, and that their check can fail.
#include "tests/support/schema_rules.hpp"

#include <algorithm>

#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;

CCP_DB_TEST("core/db's own tables keep the rules") { CHECK(test::schemaViolations(db) == std::vector<std::string>{}); }

namespace {
const MigrationSet kBad{"bad",
                        {{"001_init",
                          "create table good (org_id text not null, id text not null, primary key (org_id, id));"
                          "create table no_org (id text not null, primary key (id));"
                          "create table wrong_key (org_id text not null, id text not null, primary key (id));"
                          "create unique index good_id on good (id);"
                          "create table loose (org_id text not null, id text not null, good_id text, made_at text, n integer,"
                          " primary key (org_id, id), foreign key (good_id) references good (id));"
                          "create table tight (org_id text not null, id text not null, good_id text,"
                          " primary key (org_id, id), foreign key (org_id, good_id) references good (org_id, id))"}}};
}  // namespace

CCP_DB_TEST("every broken rule is named, and nothing else", &kBad) {
  auto found = test::schemaViolations(db);
  std::sort(found.begin(), found.end());
  REQUIRE(found.size() == 5);
  CHECK(found[0] == "a foreign key of loose to good leaves out org_id");
  CHECK(found[1] == "loose.made_at is a time and must be BIGINT");
  CHECK(found[2] == "loose.n has the type INTEGER; portable are TEXT, BIGINT, DOUBLE PRECISION");
  CHECK(found[3] == "no_org has no org_id and is no stated exception");
  CHECK(found[4] == "wrong_key does not have the key (org_id, id)");
}
