// The syntax tree of a policy file, made by parser.hpp. Trees own their nodes; no node lies deeper than
// kMaxTreeDepth, so that everything that walks them may recurse. Values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ccp::policy::lua {

inline constexpr int kMaxTreeDepth = 180;

struct Place {
  int line = 1, column = 1;
};

struct Expr;
struct Block;
struct Local;  // names.hpp
using ExprPtr = std::unique_ptr<Expr>;
using BlockPtr = std::unique_ptr<Block>;

enum class ExprKind : std::uint8_t {
  nil,
  boolean,   ///< truth
  number,    ///< number
  string,    ///< text
  vararg,
  function,  ///< function
  name,      ///< text
  index,     ///< parts: object, key
  call,      ///< parts: callee, arguments…
  method,    ///< parts: object, arguments…; text: name of the method
  table,     ///< fields
  binary,    ///< text: operator; parts: two, or more for a chain of one left-associative operator
  unary,     ///< text: operator; parts: operand
  paren,     ///< parts: inner
};

struct Field {
  ExprPtr key;  ///< null: the next index
  ExprPtr value;
};

struct Parameter {
  std::string name;
  Place at;
  Local* local = nullptr;
};
struct Function {
  std::vector<Parameter> parameters;
  bool vararg = false;
  BlockPtr body;
  Place at;
  int end_line = 0;
};

struct Expr {
  ExprKind kind = ExprKind::nil;
  Place at;
  int end_line = 0;
  int depth = 1;
  bool truth = false;
  double number = 0;
  std::string text;
  Place text_at;  ///< of a method: its name
  std::vector<ExprPtr> parts;
  std::vector<Field> fields;
  std::unique_ptr<Function> function;
  Local* local = nullptr;  ///< of a name: what it is bound to; null: global. Set by names.hpp
};

enum class StatKind : std::uint8_t {
  local,           ///< names = values
  assign,          ///< targets = values
  call,            ///< values: one call
  block,           ///< blocks: one
  while_loop,      ///< values: condition; blocks: one
  repeat_loop,     ///< values: condition; blocks: one
  if_else,         ///< values: conditions; blocks: one each, and one more for else
  numeric_for,     ///< names: one; values: from, to, step; blocks: one
  generic_for,     ///< names, values; blocks: one
  function,        ///< targets: one name or index; function
  local_function,  ///< names: one; function
  returning,       ///< values
  breaking,
  jump,            ///< goto: text
  label,           ///< text
};

struct NameDeclaration {
  std::string name;
  Place at;
  std::string attribute;  ///< "const", "close" or empty
  Local* local = nullptr;
};

struct Stat {
  StatKind kind = StatKind::block;
  Place at;
  int end_line = 0;  ///< of what runs at the statement itself: of a loop, its head
  std::vector<NameDeclaration> names;
  std::vector<ExprPtr> targets, values;
  std::vector<BlockPtr> blocks;
  std::unique_ptr<Function> function;
  std::string text;
};

struct Block {
  std::vector<Stat> stats;
  bool has_else = false;  ///< of the whole if; kept on its last block
};

struct Chunk {
  BlockPtr body;
};

}  // namespace ccp::policy::lua
