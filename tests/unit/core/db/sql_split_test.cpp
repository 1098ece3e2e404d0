#include "core/db/sql_split.hpp"

#include <doctest/doctest.h>

using ccp::db::splitStatements;

TEST_CASE("SQL text is cut at the semicolons that end statements") {
  using List = std::vector<std::string>;
  const struct {
    const char* sql;
    List statements;
  } cases[] = {
      {"", {}},
      {" \n\t; ;;", {}},
      {"select 1", {"select 1"}},
      {"select 1; select 2;", {"select 1", "select 2"}},
      {"insert into t values ('a;b')", {"insert into t values ('a;b')"}},
      {"insert into t values ('it''s; ok'); select 2", {"insert into t values ('it''s; ok')", "select 2"}},
      {"create table \"a;b\" (id text); select 2", {"create table \"a;b\" (id text)", "select 2"}},
      {"-- no; statement\nselect 1 -- tail; here\n, 2; -- end", {"select 1 \n, 2"}},
      {"select '--not a comment'; select 2", {"select '--not a comment'", "select 2"}},
      {"select /* a; b */ 1; select 2", {"select   1", "select 2"}},
      {"select '/* no comment'; select 2", {"select '/* no comment'", "select 2"}},
      {"create function f() as $$ begin; end; $$; select 2", {"create function f() as $$ begin; end; $$", "select 2"}},
      {"do $tag$ a; $$ b; $tag$; select 2", {"do $tag$ a; $$ b; $tag$", "select 2"}},
      {"select a$b from t; select $1", {"select a$b from t", "select $1"}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.sql);
    const auto found = splitStatements(c.sql);
    REQUIRE(found);
    CHECK(*found == c.statements);
  }
}

TEST_CASE("an unterminated quote or comment is refused") {
  for (const char* sql : {"select 'a", "select \"a", "select 1 /* a", "do $x$ a; $y$"}) {
    CAPTURE(sql);
    CHECK_FALSE(splitStatements(sql));
  }
}
